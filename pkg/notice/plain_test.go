package notice

import "testing"

func TestPlainIsOneLineWithoutKeyIDs(t *testing.T) {
	for text, want := range map[string]string{
		"aws-cli/2.31 md/command#iam":  "aws-cli/2.31 md/command#iam",
		"Mozilla\r\nWhat to do: no":    "Mozilla  What to do: no",
		"one\u2028two\u0085three":      "one two three",
		"key AKIAIOSFODNN7EXAMPLE!":    "key …MPLE!",
		"\u202etxt\u2066.exe":          "\uFFFDtxt\uFFFD.exe",
		"\x1b[2Jgone":                  " [2Jgone",
		"ends in the middle of it all": "ends in the middle of it...",
		"한국어 사용자 에이전트":                 "한국어 사용자 에...",
		"":                             "",
	} {
		if got := Plain(text, 27); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}
