// Package halt reads Warder's stop switch: one SSM parameter for the whole account. Any value but
// "no" stops every change; alerts go on. It never sets the switch.
package halt

import (
	"context"
	_ "embed"
	"time"

	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/parameter"
)

//go:embed ko.json
var korean []byte

func init() { i18n.Register("ko", korean) }

// API is the operation that the [Switch] reads with.
type API interface {
	GetParameter(context.Context, *parameter.GetParameterInput) (*parameter.GetParameterOutput, error)
}

// Go is the only value that lets changes be made.
const Go = "no"

// Switch is the parameter.
type Switch struct {
	API  API
	Name string
}

// Check returns why changes are halted, empty when they are not, and since when: when the parameter was set last. An
// error means that the switch cannot be read, and then nothing may be changed either.
func (s Switch) Check(ctx context.Context) (why i18n.Message, since time.Time, err error) {
	out, err := s.API.GetParameter(ctx, &parameter.GetParameterInput{Name: s.Name})
	if err != nil {
		return why, time.Time{}, i18n.Fault{Text: i18n.T("the halt switch %s cannot be read", s.Name), Err: err}
	}
	if value := out.Parameter.Value; value != Go {
		why = Why(s.Name, value)
	}
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Parameter.html
	return why, out.Parameter.LastModifiedDate.Time(), nil
}

// Why describes the value of the switch of that name.
func Why(name, value string) i18n.Message {
	return i18n.T("Warder is halted (%s): %s", name, notice.Truncate(value, 200))
}
