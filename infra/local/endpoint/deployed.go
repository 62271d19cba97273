package endpoint

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"time"

	"github.com/warder-aws/warder/pkg/settings"
)

// A Deployed is a stack of the account, as CloudFormation describes it: its template and its resources.
type Deployed struct {
	Name      string
	Region    string
	Created   time.Time
	Template  []byte
	Resources []Resource
	// Targets are what each rule starts, by the rule's name, as the API has it. The rules' own targets here
	// are queues, which stand for those of Lambda.
	Targets map[string][]json.RawMessage
	// Properties are those of Lambda's resources, by logical id, with references resolved.
	Properties map[string]map[string]any
}

// A Resource is a resource of a stack.
type Resource struct{ LogicalID, Type, PhysicalID string }

// formation answers what CloudFormation answers of the account's own stacks. moto could make them
// from a template, but not all that is in it.
func (h *Handler) formation(req request) answer {
	if req.action == "ListStacks" {
		return h.listStacks(req)
	}
	name := req.form.Get("StackName")
	i := slices.IndexFunc(h.Deployed, func(d Deployed) bool { return d.Name == name && d.Region == req.region })
	if i < 0 {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
		return failure(req, http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
	}
	d := h.Deployed[i]
	created := d.Created.UTC().Format(time.RFC3339)
	switch req.action {
	case "DescribeStacks":
		type member struct{ StackName, StackId, CreationTime, StackStatus string }
		return inXML(struct {
			XMLName xml.Name `xml:"DescribeStacksResponse"`
			Member  member   `xml:"DescribeStacksResult>Stacks>member"`
		}{Member: member{
			d.Name, "arn:aws:cloudformation:" + d.Region + ":" + h.Account + ":stack/" + d.Name + "/local",
			created, "CREATE_COMPLETE",
		}})
	case "GetTemplate":
		return inXML(struct {
			XMLName xml.Name `xml:"GetTemplateResponse"`
			Body    string   `xml:"GetTemplateResult>TemplateBody"`
		}{Body: h.template(req, d)})
	case "ListStackResources":
		type member struct{ LogicalResourceId, PhysicalResourceId, ResourceType, LastUpdatedTimestamp, ResourceStatus string }
		var members []member
		for _, r := range d.Resources {
			members = append(members, member{r.LogicalID, r.PhysicalID, r.Type, created, "CREATE_COMPLETE"})
		}
		return inXML(struct {
			XMLName xml.Name `xml:"ListStackResourcesResponse"`
			Members []member `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
		}{Members: members})
	}
	return unknown(req)
}

func (h *Handler) listStacks(req request) answer {
	type member struct{ StackName, StackStatus string }
	var members []member
	for _, d := range h.Deployed {
		if d.Region == req.region {
			members = append(members, member{d.Name, "CREATE_COMPLETE"})
		}
	}
	return inXML(struct {
		XMLName xml.Name `xml:"ListStacksResponse"`
		Members []member `xml:"ListStacksResult>StackSummaries>member"`
	}{Members: members})
}

// template is a stack's template. Functions see the settings in it that they have here: those are deployed, and where
// the account was started with others than the template's, nobody changed them since.
func (h *Handler) template(req request, d Deployed) string {
	var template map[string]any
	if h.Functions[req.accessKey] == "" || json.Unmarshal(d.Template, &template) != nil {
		return string(d.Template)
	}
	resources, _ := template["Resources"].(map[string]any)
	for _, r := range d.Resources {
		env, ok := h.Environments[r.PhysicalID]
		resource, _ := resources[r.LogicalID].(map[string]any)
		if properties, _ := resource["Properties"].(map[string]any); ok && properties != nil {
			properties["Environment"] = map[string]any{"Variables": own(env)}
		}
	}
	text, err := json.Marshal(template)
	if err != nil {
		return err.Error() // it was JSON
	}
	return string(text)
}

// own is what of a function's environment the template has, and not the local account.
func own(env map[string]string) map[string]string {
	return map[string]string{settings.Variable: env[settings.Variable]}
}
