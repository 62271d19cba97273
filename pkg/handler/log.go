package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/warder-aws/warder/pkg/notice"
)

// NewLog returns the log of a function: a JSON object a line, which Lambda passes on as it is. Lambda
// reads the level for its filter, and for that wants the time under the name timestamp. Each line
// that is written during an invocation has the invocation's request id.
//
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func NewLog(out io.Writer) *slog.Logger {
	return slog.New(correlated{slog.NewJSONHandler(visible{out}, &slog.HandlerOptions{ReplaceAttr: attribute})})
}

// visible escapes, in lines of JSON, the characters of names that are not seen and steer whatever
// shows the line: the JSON is the same, and shows what is there. slog escapes those of ASCII but one.
type visible struct{ out io.Writer }

func (v visible) Write(line []byte) (int, error) {
	escaped := line
	if bytes.ContainsFunc(line, unseen) {
		escaped = nil
		for _, r := range string(line) {
			if !unseen(r) {
				escaped = utf8.AppendRune(escaped, r)
				continue
			}
			for _, half := range utf16.Encode([]rune{r}) {
				escaped = fmt.Appendf(escaped, `\u%04x`, half)
			}
		}
	}
	if _, err := v.out.Write(escaped); err != nil {
		return 0, err
	}
	return len(line), nil
}

func unseen(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }

// attribute names the time as Lambda does, and keeps access key ids out of the log, whoever put them into a value.
func attribute(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) == 0 && a.Key == slog.TimeKey:
		a.Key = "timestamp"
	case a.Value.Kind() == slog.KindString:
		a.Value = slog.StringValue(notice.Redact(a.Value.String()))
	}
	return a
}

// correlated gives a line the request id of the invocation that it was written in.
type correlated struct{ slog.Handler }

func (h correlated) Handle(ctx context.Context, line slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		// Before the attributes of the line: those for CloudWatch alone stay last.
		found := slog.NewRecord(line.Time, line.Level, line.Message, line.PC)
		found.AddAttrs(slog.String("request_id", lc.AwsRequestID))
		line.Attrs(func(a slog.Attr) bool { found.AddAttrs(a); return true })
		line = found
	}
	return h.Handler.Handle(ctx, line)
}

func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

func (h correlated) WithGroup(name string) slog.Handler { return correlated{h.Handler.WithGroup(name)} }

// runtimeLog takes what the Lambda runtime writes to the standard logger, which is no JSON: why an
// invocation failed, which the invocation's own line has, and the stack of a panic, which has no line.
type runtimeLog struct{ log *slog.Logger }

func (s runtimeLog) Write(text []byte) (int, error) {
	var failure struct {
		ErrorMessage string            `json:"errorMessage"`
		StackTrace   []json.RawMessage `json:"stackTrace"`
	}
	if json.Unmarshal(text, &failure) != nil || failure.ErrorMessage == "" || len(failure.StackTrace) > 0 {
		s.log.Error("runtime", "error", string(bytes.TrimSpace(text)))
	}
	return len(text), nil
}
