package event

import "testing"

func TestRecord_Machine(t *testing.T) {
	role := func(session string) Identity {
		return Identity{Type: "AssumedRole", ARN: "arn:aws:sts::111122223333:assumed-role/web/" + session}
	}
	fetched, issued := role("anything"), role("make-thumbnails")
	fetched.Session.OfInstance = true
	issued.IssuedTo = "arn:aws:lambda:us-east-1:111122223333:function:make-thumbnails"
	for name, c := range map[string]struct {
		record Record
		want   string
	}{
		"an instance":             {Record{Identity: role("i-0abc1234def567890")}, "i-0abc1234def567890"},
		"an instance of old":      {Record{Identity: role("i-0abc1234")}, "i-0abc1234"},
		"named nearly so":         {Record{Identity: role("i-0abc1234def56789g")}, ""},
		"a word":                  {Record{Identity: role("i-am-here")}, ""},
		"of the metadata service": {Record{Identity: fetched}, "anything"},
		"issued to a function":    {Record{Identity: issued}, "make-thumbnails"},
		"in a function": {Record{Identity: role("f"), UserAgent: "Boto3/1.40 exec-env/AWS_Lambda_python3.13"},
			"f"},
		"a person's":                {Record{Identity: role("alice@example.com"), UserAgent: "aws-cli/2.31.18"}, ""},
		"a user, whatever the name": {Record{Identity: Identity{Type: "IAMUser", UserName: "i-0abc1234"}}, ""},
	} {
		if got := c.record.Machine(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
