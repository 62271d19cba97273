package ledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/test/storetest"
)

func sealed(table ledger.Unsealed) *ledger.Sealed {
	return &ledger.Sealed{Unsealed: table, Keys: ledger.FixedKey("a secret of the tests")}
}

func TestSealed_IsAStore(t *testing.T) { storetest.Run(t, sealed(&ledger.Memory{})) }

func TestSealed_AlteredItems(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	written := ledger.Item{
		Partition: "hold#a", Sort: "hold", Subject: "alice", At: at, Expires: at.Add(time.Hour), Body: `{"until":"x"}`,
	}
	for name, alter := range map[string]func(*ledger.Item){
		"its body":                        func(i *ledger.Item) { i.Body = `{"until":"y"}` },
		"its partition":                   func(i *ledger.Item) { i.Partition = "hold#b" },
		"its sort key":                    func(i *ledger.Item) { i.Sort = "other" },
		"a part that moved to the next":   func(i *ledger.Item) { i.Partition, i.Sort = "hold#ah", "old" },
		"its subject":                     func(i *ledger.Item) { i.Subject = "bob" },
		"its place in the index":          func(i *ledger.Item) { i.At = at.Add(time.Second) },
		"when it expires":                 func(i *ledger.Item) { i.Expires = at.Add(2 * time.Hour) },
		"that it does not expire":         func(i *ledger.Item) { i.Expires = time.Time{} },
		"its version":                     func(i *ledger.Item) { i.Version = 2 },
		"its seal":                        func(i *ledger.Item) { i.Seal = strings.ToLower(i.Seal) },
		"that it has no seal":             func(i *ledger.Item) { i.Seal = "" },
		"that it has a seal of another":   func(i *ledger.Item) { i.Seal = strings.Repeat("A", 43) },
		"that it has no version":          func(i *ledger.Item) { i.Version = -1 },
		"that it is out of the index":     func(i *ledger.Item) { i.Subject, i.At = "", time.Time{} },
		"that its version is the largest": func(i *ledger.Item) { i.Version = 1<<63 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, table := t.Context(), &ledger.Memory{}
			if err := sealed(table).Put(ctx, written); err != nil {
				t.Fatal(err)
			}
			forged, _ := table.Peek("hold#a", "hold")
			if items, err := sealed(table).Query(ctx, "hold#a"); err != nil || len(items) != 1 {
				t.Fatalf("as it was written it is not there: %v (%v)", items, err)
			}
			alter(&forged)
			table.Forge(forged)

			s := sealed(table)
			l := ledger.New(s)
			key := ledger.Key{Partition: forged.Partition, Sort: forged.Sort}
			got, err := s.Get(ctx, key.Partition, key.Sort)
			if err != nil || got != (ledger.Item{Partition: key.Partition, Sort: key.Sort}) {
				t.Errorf("Get gives %+v (%v)", got, err)
			}
			if batch, err := s.BatchGet(ctx, key, key); err != nil || batch[0].Version != 0 || batch[1].Version != 0 {
				t.Errorf("BatchGet gives %+v (%v)", batch, err)
			}
			for call, read := range map[string]func() ([]ledger.Item, error){
				"Query": func() ([]ledger.Item, error) { return s.Query(ctx, forged.Partition) },
				"Scan":  func() ([]ledger.Item, error) { return s.Scan(ctx, forged.Partition) },
				"Index": func() ([]ledger.Item, error) { return s.Index(ctx, forged.Subject, time.Time{}) },
			} {
				items, err := read()
				for _, item := range items {
					if item.Partition == forged.Partition && item.Sort == forged.Sort || err != nil {
						t.Errorf("%s gives %+v (%v)", call, item, err)
					}
				}
			}
			if met := l.Foreign(); len(met) != 1 || met[0].Key != key || len(l.Foreign()) != 0 {
				t.Errorf("met %+v, want %+v once", met, key)
			}
			// It is in nobody's way.
			mine := ledger.Item{Partition: key.Partition, Sort: key.Sort, Body: `{"mine":true}`}
			if err := s.Put(ctx, mine); err != nil {
				t.Fatalf("a new item in its place: %v", err)
			}
			if got, err := s.Get(ctx, key.Partition, key.Sort); err != nil || got.Body != mine.Body || got.Version != 1 {
				t.Errorf("then there is %+v (%v)", got, err)
			}
		})
	}
}

// Whoever read an item that is no longer there hears of the conflict, and not of what was put in its place.
func TestSealed_ForgedAfterTheRead(t *testing.T) {
	ctx, table := t.Context(), &ledger.Memory{}
	s := sealed(table)
	item := ledger.Item{Partition: "run#a", Sort: "run", Body: `1`}
	if err := s.Put(ctx, item); err != nil {
		t.Fatal(err)
	}
	table.Forge(ledger.Item{Partition: "run#a", Sort: "run", Body: `2`, Version: 7})
	item.Version = 1
	var conflict *ledger.Conflict
	if err := s.Put(ctx, item); !errors.As(err, &conflict) || conflict.Present.Version != 0 ||
		conflict.Present.Body != "" {
		t.Errorf("error %v with %+v", err, conflict)
	}
}

func TestSealed_ForgedRunAndClaim(t *testing.T) {
	ctx, table := t.Context(), &ledger.Memory{}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	table.Forge(ledger.Item{
		Partition: "run#c#event", Sort: "run", Version: 3,
		Body: `{"control":"c","key":"event","done":true,"outcome":"skipped"}`,
	})
	l := ledger.New(sealed(table))
	run, err := l.Begin(ctx, ledger.Run{Control: "c", Key: "event", Holder: "h", Until: now.Add(time.Minute)}, now)
	if err != nil || run.Done || run.Attempts != 1 {
		t.Errorf("a run that somebody else had marked as done begins as %+v (%v)", run, err)
	}
	table.Forge(
		ledger.Item{Partition: "once#k", Sort: "once", Body: `{"run":"x","until":"2099-01-01T00:00:00Z"}`, Version: 1},
	)
	if first, err := l.Once(ctx, "k", "event", now, now.Add(time.Hour)); err != nil || !first {
		t.Errorf("a mark of somebody else silences: %v (%v)", first, err)
	}
	if len(l.Foreign()) != 2 {
		t.Error("the two are not told of")
	}
}

// vault stands for KMS: it opens what it has made, with the same key and context.
type vault struct {
	secrets map[string][]byte
	opened  int
	denied  error
}

func (v *vault) context(key string, context map[string]string) string {
	if len(context) != 1 {
		return "?"
	}
	return key + context[ledger.PurposeKey]
}

func (v *vault) GenerateDataKey(
	_ context.Context, in *ledger.GenerateDataKeyInput,
) (*ledger.GenerateDataKeyOutput, error) {
	secret := make([]byte, in.NumberOfBytes)
	_, _ = rand.Read(secret)
	blob := v.context(in.KeyID, in.EncryptionContext) + rand.Text()
	v.secrets[blob] = secret
	return &ledger.GenerateDataKeyOutput{CiphertextBlob: []byte(blob)}, v.denied
}

func (v *vault) Decrypt(
	_ context.Context, in *ledger.DecryptInput,
) (*ledger.DecryptOutput, error) {
	v.opened++
	secret, ok := v.secrets[string(in.CiphertextBlob)]
	if !ok || !strings.HasPrefix(string(in.CiphertextBlob), v.context(in.KeyID, in.EncryptionContext)) {
		return nil, errors.New("InvalidCiphertextException")
	}
	return &ledger.DecryptOutput{Plaintext: secret}, v.denied
}

func TestEnvelope(t *testing.T) {
	ctx, table, v := t.Context(), &ledger.Memory{}, &vault{secrets: map[string][]byte{}}
	process := func(key string) *ledger.Sealed {
		return &ledger.Sealed{Unsealed: table, Keys: &ledger.Envelope{Table: table, KMS: v, Name: key}}
	}
	one, two := process("arn:k"), process("arn:k")
	if item, err := one.Get(ctx, "a", "b"); err != nil || item.Version != 0 || v.opened != 0 {
		t.Fatalf("with nothing there: %+v (%v), opened %d times", item, err, v.opened)
	}
	table.Forge(ledger.Item{Partition: "x", Sort: "y", Body: "{}", Version: 1, Seal: "z"})
	if item, err := one.Get(ctx, "x", "y"); err != nil || item.Version != 0 || len(v.secrets) != 0 {
		t.Errorf("before anything was sealed: %+v (%v)", item, err)
	}
	if err := one.Put(ctx, ledger.Item{Partition: "a", Sort: "b", Body: "{}"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if item, err := two.Get(ctx, "a", "b"); err != nil || item.Version != 1 {
			t.Errorf("another process reads %+v (%v)", item, err)
		}
	}
	if v.opened != 2 || len(v.secrets) != 1 {
		t.Errorf("two processes opened %d secrets %d times", len(v.secrets), v.opened)
	}
	kept, _ := table.Peek("seal#", "key")
	if strings.Contains(kept.Body, string(v.secrets[kept.Body])) && len(v.secrets[kept.Body]) > 0 {
		t.Error("the secret is in the table")
	}

	refuses := func(what string, s *ledger.Sealed) {
		t.Helper()
		var fault *ledger.KeyError
		if _, err := s.Get(ctx, "a", "b"); !errors.As(err, &fault) {
			t.Errorf("%s: error %v", what, err)
		}
		if err := s.Put(ctx, ledger.Item{Partition: "c", Sort: "d", Body: "{}"}); !errors.As(err, &fault) {
			t.Errorf("%s: error %v of a write", what, err)
		}
	}
	refuses("another key", process("arn:other"))
	v.denied = errors.New("AccessDeniedException")
	refuses("a key that is denied", process("arn:k"))
	v.denied = nil
	for what, body := range map[string]string{"another text": "!", "another blob": "eHl6", "no blob": ""} {
		forged := kept
		forged.Body = body
		table.Forge(forged)
		refuses(what, process("arn:k"))
	}
	secrets := maps.Clone(v.secrets)
	for blob := range secrets {
		v.secrets[blob] = []byte("short")
	}
	table.Forge(kept)
	refuses("a short secret", process("arn:k"))
}
