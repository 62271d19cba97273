package eventbridge

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Transformer makes a text of an event, as the input transformer of a rule's target does whose template is of quoted
// lines: each <name> in it is the value at that path of the event, nothing where the event has none.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
type Transformer struct {
	InputPathsMap map[string]string // $.detail.names[0]
	InputTemplate string
}

var placeholder = regexp.MustCompile(`<([A-Za-z0-9_-]+)>`)

// Text is the text of an event.
func (t Transformer) Text(event []byte) string {
	var root any
	_ = json.Unmarshal(event, &root) // what is no JSON has no values
	var lines []string
	for line := range strings.Lines(t.InputTemplate) {
		line = strings.TrimSpace(line)
		if plain, err := strconv.Unquote(line); err == nil {
			line = plain
		}
		lines = append(lines, placeholder.ReplaceAllStringFunc(line, func(name string) string {
			return value(root, t.InputPathsMap[name[1:len(name)-1]])
		}))
	}
	return strings.Join(lines, "\n")
}

var step = regexp.MustCompile(`\.([A-Za-z0-9_-]+)|\[(\d+)\]`)

// value is the text at a path.
func value(at any, path string) string {
	if path == "" {
		return ""
	}
	for _, parts := range step.FindAllStringSubmatch(path, -1) {
		switch node := at.(type) {
		case map[string]any:
			at = node[parts[1]]
		case []any:
			i, err := strconv.Atoi(parts[2])
			if err != nil || i >= len(node) {
				return ""
			}
			at = node[i]
		default:
			return ""
		}
	}
	switch at := at.(type) {
	case nil:
		return ""
	case string:
		return at
	case map[string]any, []any:
		text, _ := json.Marshal(at) // it was JSON
		return string(text)
	}
	return fmt.Sprint(at)
}
