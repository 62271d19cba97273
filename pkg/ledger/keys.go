package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/warder-aws/warder/pkg/awsjson"
)

// KMS lists the operations of AWS KMS that [Envelope] uses.
type KMS interface {
	Decrypt(context.Context, *DecryptInput) (*DecryptOutput, error)
	GenerateDataKey(context.Context, *GenerateDataKeyInput) (*GenerateDataKeyOutput, error)
}

// DecryptInput is what [Envelope] asks Decrypt.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
type DecryptInput struct {
	KeyID             string `json:"KeyId"`
	CiphertextBlob    []byte
	EncryptionContext map[string]string
}

// DecryptOutput is what [Envelope] needs of its answer.
type DecryptOutput struct{ Plaintext []byte }

// GenerateDataKeyInput is what [Envelope] asks GenerateDataKey.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html
type GenerateDataKeyInput struct {
	KeyID             string `json:"KeyId"`
	NumberOfBytes     int
	EncryptionContext map[string]string
}

// GenerateDataKeyOutput is what [Envelope] needs of its answer.
type GenerateDataKeyOutput struct{ CiphertextBlob []byte }

// awsKMS is AWS's API.
type awsKMS struct{ client *awsjson.Client }

// NewKMS is the API in the region of the configuration.
func NewKMS(cfg aws.Config) KMS { return awsKMS{awsjson.New(cfg, "KMS", "TrentService")} }

func (k awsKMS) Decrypt(ctx context.Context, in *DecryptInput) (*DecryptOutput, error) {
	return awsjson.Call[DecryptOutput](ctx, k.client, "Decrypt", in)
}

func (k awsKMS) GenerateDataKey(ctx context.Context, in *GenerateDataKeyInput) (*GenerateDataKeyOutput, error) {
	return awsjson.Call[GenerateDataKeyOutput](ctx, k.client, "GenerateDataKey", in)
}

// The encryption context of the secret. The key's policy lets only Warder's roles use the key with it: nobody else
// opens the secret, and nobody else makes one that opens.
// https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
const (
	PurposeKey = "warder:purpose"
	Purpose    = "ledger"
)

// Envelope keeps the secret in the table that it seals, encrypted with a KMS key. It is made with the first item
// that is written, and opened once in the life of a process. One that does not open is an error, and not replaced.
type Envelope struct {
	Table Store // unsealed
	KMS   KMS
	Name  string // ARN of the KMS key: a secret that is encrypted with another one does not open

	mu     sync.Mutex
	secret []byte
}

var _ Keys = (*Envelope)(nil)

const (
	secretPartition = "seal#"
	secretSort      = "key"
	secretBytes     = 32
)

// Key implements [Keys].
func (e *Envelope) Key(ctx context.Context, create bool) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.secret != nil {
		return e.secret, nil
	}
	item, err := e.Table.Get(ctx, secretPartition, secretSort)
	if err != nil {
		return nil, err
	}
	if item.Version == 0 {
		if !create {
			return nil, nil
		}
		if item, err = e.make(ctx); err != nil {
			return nil, err
		}
	}
	secret, err := e.open(ctx, item.Body)
	if err != nil {
		return nil, &KeyError{err}
	}
	e.secret = secret
	return secret, nil
}

// make keeps a new secret, unless somebody else did, and returns the item of the one that is kept.
func (e *Envelope) make(ctx context.Context) (Item, error) {
	made, err := e.KMS.GenerateDataKey(ctx, &GenerateDataKeyInput{
		KeyID: e.Name, NumberOfBytes: secretBytes, EncryptionContext: e.context(),
	})
	if err != nil {
		return Item{}, fmt.Errorf("make the secret of the ledger's seals: %w", err)
	}
	item := Item{
		Partition: secretPartition, Sort: secretSort, Body: base64.StdEncoding.EncodeToString(made.CiphertextBlob),
	}
	err = e.Table.Put(ctx, item)
	if conflict := (*Conflict)(nil); errors.As(err, &conflict) {
		return conflict.Present, nil
	}
	return item, err
}

func (e *Envelope) open(ctx context.Context, body string) ([]byte, error) {
	blob, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, err
	}
	out, err := e.KMS.Decrypt(ctx, &DecryptInput{
		KeyID: e.Name, CiphertextBlob: blob, EncryptionContext: e.context(),
	})
	if err != nil {
		return nil, err
	}
	if len(out.Plaintext) != secretBytes {
		return nil, fmt.Errorf("it is of %d bytes", len(out.Plaintext))
	}
	return out.Plaintext, nil
}

func (e *Envelope) context() map[string]string { return map[string]string{PurposeKey: Purpose} }

// KeyError says that the secret of the seals does not open: nothing in the ledger can be proven.
type KeyError struct{ Err error }

func (e *KeyError) Error() string {
	return fmt.Sprintf("open the secret of the ledger's seals (item %s %s of the table): %v; nothing is done without it",
		secretPartition, secretSort, e.Err)
}

// Unwrap returns what went wrong.
func (e *KeyError) Unwrap() error { return e.Err }

// FixedKey is a secret that is known beforehand, for tests and for what lasts no longer than the process.
type FixedKey []byte

// Key implements [Keys].
func (k FixedKey) Key(context.Context, bool) ([]byte, error) { return k, nil }
