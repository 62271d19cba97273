package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/warder-aws/warder/pkg/settings"
)

// invoke starts a function with a payload and prints what it answers.
func invoke(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("invoke", flag.ContinueOnError)
	mode := modeFlag(flags)
	rest, err := parseFlags(flags, args, stderr)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	payload := []byte(rest[1])
	if !json.Valid(payload) {
		fmt.Fprintf(stderr, "local: the payload is no JSON: %s\n", value(rest[1]))
		return errUsage
	}
	endpoint, end, err := reach(ctx, *mode, stderr)
	if err != nil {
		return err
	}
	defer end()
	name := settings.FunctionName(strings.TrimPrefix(rest[0], prefix))
	answer, err := callFunction(ctx, endpoint, name, payload)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if json.Indent(&text, answer, "", "  ") != nil {
		text.Reset()
		text.Write(answer)
	}
	_, err = fmt.Fprintln(stdout, text.String())
	return err
}

// callFunction is Lambda's Invoke at the endpoint of a local account, which checks no signature.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func callFunction(ctx context.Context, endpoint, name string, payload []byte) ([]byte, error) {
	url := strings.TrimSuffix(endpoint, "/") + "/2015-03-31/functions/" + name + "/invocations"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	var problem struct{ ErrorMessage, Message string }
	_ = json.Unmarshal(answer, &problem) // an answer of the function's own has neither
	switch {
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("invoke %s: %s: %s", name, response.Status, value(problem.Message))
	case response.Header.Get("X-Amz-Function-Error") != "":
		return nil, fmt.Errorf("%s failed: %s", name, value(problem.ErrorMessage))
	}
	return answer, nil
}
