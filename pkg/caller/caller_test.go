package caller

import (
	"testing"
)

func TestIdentity_Describe(t *testing.T) {
	const kim = "arn:aws:iam::111122223333:user/kim"
	for _, tt := range []struct {
		name, claimed, proven, en, ko string
	}{
		{"proven", "", kim, kim, kim},
		{"proven, and says so", kim, kim, kim, kim},
		{"claimed", "kim", "", "kim (claimed)", "kim (확인되지 않음)"},
		{"claimed in Korean", "김철수", "", "김철수 (claimed)", "김철수 (확인되지 않음)"},
		{"proven, for somebody", "lee@example.com", kim, kim + ", for lee@example.com (claimed)",
			kim + " (대리 요청: lee@example.com, 확인되지 않음)"},
		{"an ARN that is claimed", kim, "", `"` + kim + `" (claimed)`, `"` + kim + `" (확인되지 않음)`},
		{"a claim that looks like a proof", kim + ", for lee", "", `"` + kim + `, for lee" (claimed)`,
			`"` + kim + `, for lee" (확인되지 않음)`},
		{"a claim that speaks of itself", `kim" (proven), "`, "", `"kim\" (proven), \"" (claimed)`,
			`"kim\" (proven), \"" (확인되지 않음)`},
		{"lines", "kim\nAction taken: none", "", `"kim Action taken: none" (claimed)`,
			`"kim Action taken: none" (확인되지 않음)`},
		{"nobody", "", "", "", ""},
		{"nobody who can be seen", " \t\u200b", "", "", ""},
		{"proven, for nobody who can be seen", "\u200b ", kim, kim, kim},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.proven != "" {
				ctx = NewContext(ctx, tt.proven)
			}
			who := From(ctx, tt.claimed)
			if got := who.String(); got != tt.en {
				t.Errorf("%q, want %q", got, tt.en)
			}
			if got := who.Describe().In("ko"); got != tt.ko {
				t.Errorf("%q, want %q", got, tt.ko)
			}
			if who.IsZero() != (tt.en == "") {
				t.Errorf("%+v is nobody: %v", who, who.IsZero())
			}
		})
	}
}
