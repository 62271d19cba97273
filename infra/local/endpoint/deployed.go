package endpoint

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/warder-aws/warder/pkg/settings"
)

// A Deployed is a stack of the account, as CloudFormation would tell of it: what it was made from and
// what it made.
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

// deployed is the stack of the name in the request's region.
func (f *Front) deployed(req request, name string) (Deployed, bool) {
	for _, d := range f.Deployed {
		if d.Name == name && d.Region == req.region {
			return d, true
		}
	}
	return Deployed{}, false
}

// formation answers what CloudFormation answers of the account's own stacks. moto could make them
// from a template, but not all that is in it.
func (f *Front) formation(req request) answer {
	name := req.form.Get("StackName")
	d, there := f.deployed(req, name)
	if !there {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
		return failure(req, http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
	}
	var result any
	switch req.action {
	case "DescribeStacks":
		type member struct{ StackName, StackId, CreationTime, StackStatus string }
		result = struct {
			XMLName xml.Name `xml:"DescribeStacksResponse"`
			Member  member   `xml:"DescribeStacksResult>Stacks>member"`
		}{Member: member{d.Name, "arn:aws:cloudformation:" + d.Region + ":" + f.Account + ":stack/" + d.Name + "/local", d.Created.UTC().Format(time.RFC3339), "CREATE_COMPLETE"}}
	case "GetTemplate":
		result = struct {
			XMLName xml.Name `xml:"GetTemplateResponse"`
			Body    string   `xml:"GetTemplateResult>TemplateBody"`
		}{Body: string(d.Template)}
	case "ListStackResources":
		type member struct{ LogicalResourceId, PhysicalResourceId, ResourceType, LastUpdatedTimestamp, ResourceStatus string }
		var members []member
		for _, r := range d.Resources {
			members = append(members, member{r.LogicalID, r.PhysicalID, r.Type, d.Created.UTC().Format(time.RFC3339), "CREATE_COMPLETE"})
		}
		result = struct {
			XMLName xml.Name `xml:"ListStackResourcesResponse"`
			Members []member `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
		}{Members: members}
	default:
		return failure(req, http.StatusNotImplemented, "NotImplemented", "the local account has no cloudformation:"+req.action)
	}
	body, err := xml.Marshal(result)
	if err != nil {
		return failure(req, http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml"}}, body: body}
}

// targets answers ListTargetsByRule for a rule of a stack; ok is false for any other.
func (f *Front) targets(req request) (a answer, ok bool) {
	var input eventbridge.ListTargetsByRuleInput
	if json.Unmarshal(req.body, &input) != nil || input.Rule == nil {
		return answer{}, false
	}
	for _, d := range f.Deployed {
		arns, known := d.Targets[*input.Rule]
		if !known || d.Region != req.region {
			continue
		}
		type target struct{ Id, Arn string }
		output := struct{ Targets []target }{Targets: []target{}}
		for _, arn := range arns {
			output.Targets = append(output.Targets, target{"Function", arn})
		}
		body, _ := json.Marshal(output) // cannot fail: strings
		return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, body: body}, true
	}
	return answer{}, false
}

// configuration is Lambda's GetFunctionConfiguration for the functions of the template.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (f *Front) configuration(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("name"))
	env, ok := f.Environments[name]
	if !ok {
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: arn:aws:lambda:"+f.Region+":"+f.Account+":function:"+name)
		return
	}
	told := map[string]string{}
	for variable, value := range env {
		if variable == settings.Variable {
			told[variable] = value
		}
	}
	writeJSON(w, map[string]any{
		"FunctionName": name, "FunctionArn": "arn:aws:lambda:" + f.Region + ":" + f.Account + ":function:" + name,
		"State": "Active", "LastUpdateStatus": "Successful", "Environment": map[string]any{"Variables": told},
	})
}
