package ledger_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/warder-aws/warder/pkg/caller"
	"github.com/warder-aws/warder/pkg/ledger"
)

func TestDrill_OneAtATime(t *testing.T) {
	ctx := t.Context()
	_, l := memory()
	first := ledger.Drill{ID: "first", User: "warder-drill-first", By: caller.Identity{Claimed: "kim"},
		At: noon, Until: noon.Add(minute)}
	must(t, l.KeepDrill(ctx, first, noon))

	second := ledger.Drill{ID: "second", User: "warder-drill-second", By: caller.Identity{Claimed: "lee"},
		At:    noon.Add(minute / 2),
		Until: noon.Add(2 * minute)}
	var on *ledger.Drilling
	if err := l.KeepDrill(ctx, second, noon.Add(minute/2)); !errors.As(err, &on) || on.ID != "first" ||
		err.Error() != "drill first, which kim (claimed) asked for, goes on since 2026-11-21T12:00:00Z" {
		t.Errorf("a second drill beside the first: %v", err)
	}
	first.Until, first.UserID = noon.Add(2*minute), "AIDAFIRST"
	must(t, l.KeepDrill(ctx, first, noon.Add(minute/2)))
	if err := l.KeepDrill(ctx, second, noon.Add(minute)); !errors.As(err, &on) {
		t.Errorf("a second drill beside the first, which has said that it goes on: %v", err)
	}

	// Not heard of for too long: cut off.
	must(t, l.KeepDrill(ctx, second, noon.Add(2*minute)))
	if err := l.KeepDrill(ctx, first, noon.Add(2*minute)); !errors.Is(err, ledger.ErrNoDrill) {
		t.Errorf("the first drill goes on though another took its place: %v", err)
	}
	first.Done = true
	must(t, l.KeepDrill(ctx, first, noon.Add(2*minute)))

	second.Done = true
	must(t, l.KeepDrill(ctx, second, noon.Add(2*minute)))
	third := ledger.Drill{ID: "third", At: noon.Add(2 * minute), Until: noon.Add(3 * minute)}
	must(t, l.KeepDrill(ctx, third, noon.Add(2*minute)))

	all, err := l.Drills(ctx)
	must(t, err)
	same(t, []ledger.Drill{first, second, third}, all)
}

func TestDrill_OldOnesAreForgotten(t *testing.T) {
	_, l := memory()
	for i := range 210 {
		must(t, l.KeepDrill(t.Context(), ledger.Drill{ID: fmt.Sprint(i), Done: true}, noon))
	}
	all, err := l.Drills(t.Context())
	must(t, err)
	if len(all) != 200 || all[0].ID != "10" || all[199].ID != "209" {
		t.Errorf("%d drills, from %s to %s", len(all), all[0].ID, all[len(all)-1].ID)
	}
}
