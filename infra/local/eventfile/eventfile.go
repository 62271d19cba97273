// Package eventfile reads event files: EventBridge events as they are, bare CloudTrail records
// wrapped as EventBridge wraps them.
//
// It demands nothing of an event but that it is a JSON object, because that is all that can be
// demanded of recorded ones, and never changes an event that already has its envelope.
package eventfile

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// An Event is an EventBridge event. The fields are what routing needs; whatever does not have the
// type it should have is empty in them, and unchanged in JSON.
type Event struct {
	JSON       json.RawMessage // the whole event, as a function receives it
	ID         string
	Source     string
	DetailType string
	Time       string
	Region     string
	Resources  []string
	Detail     json.RawMessage
}

// Parse reads one event or bare CloudTrail record.
func Parse(data []byte) (Event, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	fields, err := object(data)
	if err != nil {
		return Event{}, err
	}
	if isRecord(fields) {
		if data, err = wrap(fields, data); err != nil {
			return Event{}, err
		}
		if fields, err = object(data); err != nil {
			return Event{}, err
		}
	}
	event := Event{
		JSON:       json.RawMessage(data),
		ID:         text(fields["id"]),
		Source:     text(fields["source"]),
		DetailType: text(fields["detail-type"]),
		Time:       text(fields["time"]),
		Region:     text(fields["region"]),
		Detail:     fields["detail"],
	}
	var resources []json.RawMessage
	if json.Unmarshal(fields["resources"], &resources) == nil {
		for _, resource := range resources {
			if name := text(resource); name != "" {
				event.Resources = append(event.Resources, name)
			}
		}
	}
	return event, nil
}

func object(data []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("not JSON: %w (at byte %d)", err, syntax.Offset)
		}
		return nil, errors.New("not a JSON object")
	}
	if fields == nil {
		return nil, errors.New("not a JSON object")
	}
	return fields, nil
}

// isRecord reports whether it is a bare CloudTrail record: it has CloudTrail's fields, no envelope.
func isRecord(fields map[string]json.RawMessage) bool {
	for _, name := range []string{"detail-type", "detail", "source"} {
		if _, ok := fields[name]; ok {
			return false
		}
	}
	_, source := fields["eventSource"]
	_, name := fields["eventName"]
	return source || name
}

// wrap puts the envelope of EventBridge around a CloudTrail record. The id follows from the record,
// so that the same file is the same event each time.
func wrap(record map[string]json.RawMessage, data []byte) ([]byte, error) {
	service, _, _ := strings.Cut(text(record["eventSource"]), ".")
	detailType := "AWS API Call via CloudTrail"
	switch text(record["eventType"]) {
	case "AwsConsoleSignIn":
		detailType = "AWS Console Sign In via CloudTrail"
	case "AwsServiceEvent":
		detailType = "AWS Service Event via CloudTrail"
	}
	account := text(record["recipientAccountId"])
	if account == "" {
		var identity map[string]json.RawMessage
		if json.Unmarshal(record["userIdentity"], &identity) == nil {
			account = text(identity["accountId"])
		}
	}
	sum := sha256.Sum256(data)
	event, err := json.Marshal(map[string]any{
		"version":     "0",
		"id":          id([16]byte(sum[:16])),
		"detail-type": detailType,
		"source":      "aws." + service,
		"account":     account,
		"time":        text(record["eventTime"]),
		"region":      text(record["awsRegion"]),
		"resources":   []string{},
		"detail":      json.RawMessage(data),
	})
	if err != nil {
		return nil, fmt.Errorf("wrap record: %w", err)
	}
	return event, nil
}

// NewID is a random UUID, as the ids of events and requests are.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return id(b)
}

func id(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// text is the string that data is, or "".
func text(data json.RawMessage) string {
	var s string
	if json.Unmarshal(data, &s) != nil {
		return ""
	}
	return s
}

// Files lists the event files that the arguments name: files as they are, folders as the *.json
// files in and under them, sorted. What cannot be found is an error each, joined.
func Files(arguments []string) ([]string, error) {
	var files []string
	var faults []error
	for _, argument := range arguments {
		info, err := os.Stat(argument)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !info.IsDir() {
			files = append(files, argument)
			continue
		}
		var found []string
		err = filepath.WalkDir(argument, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && filepath.Ext(path) == ".json" {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("list %s: %w", argument, err))
		}
		sort.Strings(found)
		files = append(files, found...)
	}
	return files, errors.Join(faults...)
}
