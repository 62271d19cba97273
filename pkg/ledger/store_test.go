package ledger_test

import (
	"testing"

	"github.com/warder-aws/warder/pkg/ledger"
	"github.com/warder-aws/warder/pkg/ledger/storetest"
)

func TestMemoryIsAStore(t *testing.T) { storetest.Run(t, &ledger.Memory{}) }
