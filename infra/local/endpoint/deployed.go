package endpoint

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/warder-aws/warder/infra/local/lambdahost"
	"github.com/warder-aws/warder/pkg/settings"
)

// A Deployed is a stack of the account, as CloudFormation describes it: its template and its resources.
type Deployed struct {
	Name      string
	Region    string
	Created   time.Time
	Template  []byte
	Resources []Resource
	// Targets are the ARNs that each rule starts, by the rule's name. The rules' own targets here are
	// queues, which stand for those of Lambda.
	Targets map[string][]string
}

// A Resource is a resource of a stack.
type Resource struct{ LogicalID, Type, PhysicalID string }

// formation answers what CloudFormation answers of the account's own stacks. moto could make them
// from a template, but not all that is in it.
func (h *Handler) formation(req request) answer {
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
		}{Body: string(d.Template)})
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

// targets answers ListTargetsByRule for a rule of a stack; ok is false for any other.
func (h *Handler) targets(req request) (a answer, ok bool) {
	var input eventbridge.ListTargetsByRuleInput
	if json.Unmarshal(req.body, &input) != nil || input.Rule == nil {
		return answer{}, false
	}
	for _, d := range h.Deployed {
		arns, known := d.Targets[*input.Rule]
		if !known || d.Region != req.region {
			continue
		}
		type target struct{ Id, Arn string }
		output := struct{ Targets []target }{Targets: []target{}}
		for _, arn := range arns {
			output.Targets = append(output.Targets, target{"Function", arn})
		}
		return inJSON(output), true
	}
	return answer{}, false
}

// configuration is Lambda's GetFunctionConfiguration for the functions of the template.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (h *Handler) configuration(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("name"))
	env, ok := h.Environments[name]
	if !ok {
		h.lambdaFailure(w, name, lambdahost.ErrUnknown)
		return
	}
	variables := map[string]string{}
	for variable, value := range env {
		if variable == settings.Variable {
			variables[variable] = value
		}
	}
	writeJSON(w, map[string]any{
		"FunctionName": name, "FunctionArn": h.functionARN(name),
		"State": "Active", "LastUpdateStatus": "Successful", "Environment": map[string]any{"Variables": variables},
	})
}
