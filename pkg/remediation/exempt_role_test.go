package remediation

import "testing"

// The names are those of roles as they are deployed.
func TestRoleOf(t *testing.T) {
	for _, tt := range []struct {
		id, role string
		want     bool
	}{
		{"require-mfa", "warder-RequireMfaRole987544B2-1AB2C3D4E5F6G", true},
		{"require-mfa", "warder-RequireMfaRole987544B2", true},
		{"require-mfa", "warder-RequirePermissionsBoundaryRole7EC8064C", false},
		{"mfa", "warder-RequireMfaRole987544B2", false},
		{"require", "warder-RequireMfaRole987544B2", false},
		{"", "warder-RequireMfaRole987544B2", false},
	} {
		if got := roleOf(tt.id)(tt.role); got != tt.want {
			t.Errorf("%q: %s: %v", tt.id, tt.role, got)
		}
	}
}
