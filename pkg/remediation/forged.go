package remediation

import (
	"context"
	"strings"
	"time"

	"github.com/warder-aws/warder/pkg/control"
	"github.com/warder-aws/warder/pkg/i18n"
	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/notice"
)

const (
	maxForged = 20 // items that one run looks up whether somebody was notified of them
	maxNamed  = 5  // items that a notice names
)

// notifyForged alerts about items of the ledger's table that were met and that Warder did not write: once about each,
// in one notice for all that a run met.
func (r *Runner) notifyForged(ctx context.Context) error {
	met := r.Ledger.Foreign()
	now := r.Now()
	var fresh []ledger.Foreign
	var names []string
	for _, f := range met[:min(len(met), maxForged)] {
		key := "forged#" + f.Partition + "#" + f.Sort + "#" + f.Seal
		first, err := r.Ledger.Once(ctx, key, now.Format(time.RFC3339Nano), now, now.Add(Weekly))
		if err != nil {
			return err
		}
		if first {
			fresh, names = append(fresh, f), append(names, notice.Truncate(f.Partition, 100))
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	entry := ledger.Entry{
		ID: digest(r.Control.ID, ledger.Forgery, fresh, now.Unix()/int64(day/time.Second)), Control: r.Control.ID, At: now,
		Guard: ledger.Forgery, Severity: string(control.Critical), Notify: notice.Alert,
	}
	r.word(&entry, i18n.T("Forged items in the ledger"),
		i18n.T("The ledger holds %d items that Warder did not write: %s. Warder ignores them: they stop, silence and undo "+
			"nothing.", len(met), strings.Join(names[:min(len(names), maxNamed)], ", ")),
		i18n.T("Somebody wrote to the table %s around its policy. Find out who: in CloudTrail, look for changes of the "+
			"table's policy and of Warder's functions.", r.Settings.Table))
	_, err := r.Notify(ctx, entry)
	return err
}
