package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awschatbot"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/notice"
	"github.com/warder-aws/warder/pkg/settings"
)

// button is a custom action of Amazon Q Developer in chat applications. A press on the button below a notice
// runs a command of the AWS CLI with the rights of the channel.
type button struct {
	id, text string
	tool     string // the function that it invokes
	request  string // contains the variable in place of the id
	variable string // of the notice's additional context; without it there is no button
}

// buttons are what a notice in a chat has. The command of one has at most 100 characters
// (https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CustomActionDefinition.html): there is
// no room for who asks and why, so undo knows a request of an id alone.
var buttons = []button{
	{"Explain", "Explain", "explain", `{"action":"$` + notice.ChatFinding + `"}`, notice.ChatFinding},
	{"Undo", "Undo", "undo", `{"chat":"$` + notice.ChatUndo + `"}`, notice.ChatUndo},
}

// command is what a press runs, without "aws" in front.
// https://docs.aws.amazon.com/chatbot/latest/adminguide/intro-to-the-aws-cli-in-slack.html
func (b button) command(region string) string {
	return fmt.Sprintf("lambda invoke --function-name %s --region %s --payload %s",
		settings.FunctionName(b.tool), region, b.request)
}

// newChat adds the buttons to the stack. The outputs serve to tie each to a channel; post-to-slack's runbook
// says how.
func newChat(scope constructs.Construct, region string) {
	chat := constructs.NewConstruct(scope, jsii.String("Chat"))
	for _, b := range buttons {
		name := settings.FunctionName(b.tool)
		action := awschatbot.NewCfnCustomAction(chat, jsii.String(b.id), &awschatbot.CfnCustomActionProps{
			ActionName: jsii.String(name),
			AliasName:  jsii.String(name),
			Definition: &awschatbot.CfnCustomAction_CustomActionDefinitionProperty{CommandText: jsii.String(b.command(region))},
			Attachments: &[]any{&awschatbot.CfnCustomAction_CustomActionAttachmentProperty{
				ButtonText:       jsii.String(b.text),
				NotificationType: jsii.String("Custom"),
				Variables:        &map[string]*string{b.variable: jsii.String("event.metadata.additionalContext." + b.variable)},
				Criteria: &[]any{&awschatbot.CfnCustomAction_CustomActionAttachmentCriteriaProperty{
					Operator: jsii.String("HAS_VALUE"), VariableName: jsii.String(b.variable),
				}},
			}},
		})
		awscdk.NewCfnOutput(chat, jsii.String(b.id+"Arn"), &awscdk.CfnOutputProps{
			Description: jsii.String("The button in a chat: tie it to a channel with aws chatbot associate-to-configuration"),
			Value:       action.AttrCustomActionArn(),
		}).OverrideLogicalId(jsii.String("Chat" + b.id + "Arn"))
	}
}
