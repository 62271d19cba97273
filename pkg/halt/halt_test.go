package halt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/parameter"
)

type fake struct {
	value string
	err   error
}

func (p fake) GetParameter(
	_ context.Context,
	in *parameter.GetParameterInput,
) (*parameter.GetParameterOutput, error) {
	if in.Name != "/warder/halt" {
		return nil, errors.New("another parameter was read")
	}
	var out parameter.GetParameterOutput
	out.Parameter.Value, out.Parameter.LastModifiedDate = p.value, parameter.Seconds(set.Unix())
	return &out, p.err
}

var set = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

func TestOnlyNoLetsChangesBeMade(t *testing.T) {
	for _, value := range []string{"yes", "", "NO", "no ", " no", "No", "none", "incident 42"} {
		why, since, err := Switch{API: fake{value: value}, Name: "/warder/halt"}.Check(context.Background())
		if err != nil || why.Empty() || !since.Equal(set) {
			t.Errorf("%q lets changes be made, or is not since %v but %v (%v)", value, set, since, err)
		}
		if !strings.Contains(why.String(), value) {
			t.Errorf("%q is not said: %s", value, why)
		}
	}
	if why, _, err := (Switch{API: fake{value: "no"},
		Name: "/warder/halt"}).Check(context.Background()); !why.Empty() ||
		err != nil {
		t.Errorf("no halts: %q, %v", why, err)
	}
}

func TestASwitchThatCannotBeReadIsAnError(t *testing.T) {
	refused := errors.New("AccessDenied")
	if _, _, err := (Switch{API: fake{value: "no", err: refused},
		Name: "/warder/halt"}).Check(context.Background()); !errors.Is(
		err,
		refused,
	) {
		t.Errorf("err = %v", err)
	}
}
