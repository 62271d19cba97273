package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/warder-aws/warder/pkg/s3"
)

// evidence has a report written, keeps its page and its table in the folder, and returns the file of
// the page.
func (s *stage) evidence(ctx context.Context, q map[string]string, folder string) (file string, err error) {
	asked := map[string]string{}
	for name, value := range q {
		if value != "" {
			asked[name] = value
		}
	}
	var made struct{ Bucket, Region, HTML, CSV, Text string }
	if err := s.invoke(ctx, "report", asked, &made); err != nil {
		return "", err
	}
	for line := range strings.Lines(made.Text) {
		s.say("%s", strings.TrimSpace(line))
	}
	client := s3.New(s.account.Operator())
	for _, key := range []string{made.CSV, made.HTML} {
		body, err := client.GetObject(ctx, &s3.Bucket{Name: made.Bucket, Region: made.Region}, key)
		if err != nil {
			return "", fmt.Errorf("get %s: %w", key, err)
		}
		file = filepath.Join(folder, path.Base(key))
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return "", fmt.Errorf("keep the report: %w", err)
		}
	}
	return file, nil
}
