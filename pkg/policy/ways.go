package policy

import (
	"slices"
	"strings"
	"sync"

	"github.com/warder-aws/warder/pkg/i18n"
)

// kind is the resources on which a right is dangerous.
type kind struct {
	arns  []string     // patterns; none: the right is dangerous on anything
	every i18n.Message // every user
	some  i18n.Message // some users
}

func ofIAM(resource string, every, some i18n.Message) kind {
	return kind{[]string{"arn:*:iam::*:" + resource + "/*"}, every, some}
}

// existing are the resources of a service that run with a role.
func existing(arns ...string) kind {
	return kind{arns, i18n.T("all of them"), i18n.T("some of them")}
}

var (
	users     = ofIAM("user", i18n.T("every user"), i18n.T("some users"))
	groups    = ofIAM("group", i18n.T("every group"), i18n.T("some groups"))
	roles     = ofIAM("role", i18n.T("every role"), i18n.T("some roles"))
	policies  = ofIAM("policy", i18n.T("every policy"), i18n.T("some policies"))
	profiles  = ofIAM("instance-profile", i18n.T("every instance profile"), i18n.T("some instance profiles"))
	providers = kind{[]string{"arn:*:iam::*:saml-provider/*", "arn:*:iam::*:oidc-provider/*"},
		i18n.T("every identity provider"), i18n.T("some identity providers")}
	instances = existing("arn:*:ec2:*:*:instance/*", "arn:*:ssm:*:*:managed-instance/*")
	anything  = kind{}
	// commands are the documents of Systems Manager that run what their caller writes: the account's own, and these of
	// AWS. https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
	commands = func() (patterns []resource) {
		for _, name := range []string{
			"AWS-RunShellScript", "AWS-RunPowerShellScript", "AWS-RunRemoteScript", "AWS-RunDocument", "AWS-RunAnsiblePlaybook",
			"AWS-ApplyAnsiblePlaybooks", "AWS-ApplyChefRecipes", "AWS-ApplyDSCMofs", "AWS-RunSaltState",
			"AWS-InstallApplication", "AWS-InstallPowerShellModule", "AWS-ConfigureAWSPackage",
		} {
			patterns = append(patterns, readResource("arn:*:ssm:*:*:document/"+name, false))
		}
		return append(patterns, readResource("arn:*:ssm:*:*:document/*", false))
	}()
)

// way is a way to become an administrator: all rights are needed, of those separated by a bar one is enough. The first
// is needed on a resource of the kind, the others on any.
//
// The ways are those of https://pathfinding.cloud and of
// https://github.com/RhinoSecurityLabs/AWS-IAM-Privilege-Escalation, and what AWS's service authorization reference
// shows to be like them.
type way struct {
	what   i18n.Message
	on     kind
	self   bool // to have the first right on oneself is enough
	rights []string
}

// What ways let their holder do.
var (
	givePolicy   = i18n.T("can give itself any policy")
	joinGroups   = i18n.T("can put itself into a group with more rights")
	rewrite      = i18n.T("can change what the policies that it has say")
	unbound      = i18n.T("can remove its own limits")
	takeUser     = i18n.T("can get the credentials of other users")
	weakenUser   = i18n.T("can weaken the sign-in of other users")
	letIn        = i18n.T("can make roles trust it")
	assumeRole   = i18n.T("can assume roles with more rights")
	signInAs     = i18n.T("can change who signs in through an identity provider")
	organization = i18n.T("can give itself access to the accounts of the organization")
)

func direct() []way {
	return []way{
		// Its own rights.
		{givePolicy, users, true, []string{"iam:PutUserPolicy"}},
		{givePolicy, users, true, []string{"iam:AttachUserPolicy"}},
		{givePolicy, groups, true, []string{"iam:PutGroupPolicy"}},
		{givePolicy, groups, true, []string{"iam:AttachGroupPolicy"}},
		{givePolicy, roles, true, []string{"iam:PutRolePolicy"}},
		{givePolicy, roles, true, []string{"iam:AttachRolePolicy"}},
		{rewrite, policies, true, []string{"iam:CreatePolicyVersion"}},
		{rewrite, policies, true, []string{"iam:SetDefaultPolicyVersion"}},
		{joinGroups, groups, false, []string{"iam:AddUserToGroup"}},
		{unbound, users, true, []string{"iam:DeleteUserPermissionsBoundary"}},
		{unbound, users, true, []string{"iam:PutUserPermissionsBoundary"}},
		{unbound, roles, true, []string{"iam:DeleteRolePermissionsBoundary"}},
		{unbound, roles, true, []string{"iam:PutRolePermissionsBoundary"}},

		// Somebody else's.
		{takeUser, users, false, []string{"iam:CreateAccessKey"}},
		{takeUser, users, false, []string{"iam:CreateLoginProfile"}},
		{takeUser, users, false, []string{"iam:UpdateLoginProfile"}},
		{takeUser, users, false, []string{"iam:CreateServiceSpecificCredential"}},
		{takeUser, users, false, []string{"iam:ResetServiceSpecificCredential"}},
		{takeUser, users, false, []string{"iam:UploadSigningCertificate"}},
		{takeUser, users, false, []string{"iam:UploadSSHPublicKey"}},
		{weakenUser, users, false, []string{"iam:DeactivateMFADevice"}},
		{weakenUser, users, false, []string{"iam:ResyncMFADevice"}},
		{letIn, roles, false, []string{"iam:UpdateAssumeRolePolicy"}},
		{assumeRole, roles, false, []string{"sts:AssumeRole"}},
		{signInAs, providers, false, []string{"iam:UpdateSAMLProvider"}},
		{signInAs, providers, false, []string{"iam:AddClientIDToOpenIDConnectProvider"}},
		{signInAs, providers, false, []string{"iam:UpdateOpenIDConnectProviderThumbprint"}},
		{assumeRole, profiles, false, []string{"iam:AddRoleToInstanceProfile", "iam:PassRole"}},

		// The organization, and IAM Identity Center.
		{organization, anything, false, []string{"sts:AssumeRoot"}},
		{organization, anything, false, []string{"sso:CreateAccountAssignment"}},
		{organization, anything, false, []string{"sso:PutInlinePolicyToPermissionSet"}},
		{organization, anything, false, []string{"sso:AttachManagedPolicyToPermissionSet"}},
		{organization, anything, false, []string{"sso:AttachCustomerManagedPolicyReferenceToPermissionSet"}},
		{organization, anything, false, []string{"sso:DeletePermissionsBoundaryFromPermissionSet"}},
		{organization, anything, false, []string{"sso-directory:AddMemberToGroup"}},
		{organization, anything, false, []string{"sso-directory:UpdatePassword"}},
		{organization, anything, false, []string{"identitystore:CreateGroupMembership"}},
	}
}

// pass is a service that runs what its caller wants with a role that its caller passes.
type pass struct {
	service    string   // its name, in every language
	principals []string // that the role trusts
	rights     [][]string
}

func passing() []pass {
	return []pass{
		{"AWS Lambda", []string{"lambda.amazonaws.com", "edgelambda.amazonaws.com"}, [][]string{
			{"lambda:CreateFunction", "lambda:InvokeFunction|lambda:InvokeAsync|lambda:CreateEventSourceMapping|" +
				"lambda:AddPermission|lambda:CreateFunctionUrlConfig|lambda:InvokeFunctionUrl|events:PutTargets|" +
				"s3:PutBucketNotification|sns:Subscribe|scheduler:CreateSchedule|states:StartExecution"},
			{"lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode"},
		}},
		{"Amazon EC2", []string{"ec2.amazonaws.com"}, [][]string{
			{"ec2:RunInstances"}, {"ec2:RequestSpotInstances"}, {"ec2:RequestSpotFleet"},
			{"ec2:CreateLaunchTemplate|ec2:CreateLaunchTemplateVersion", "ec2:CreateFleet|autoscaling:CreateAutoScalingGroup|" +
				"autoscaling:UpdateAutoScalingGroup|ec2:ModifyLaunchTemplate"},
			{"autoscaling:CreateLaunchConfiguration", "autoscaling:CreateAutoScalingGroup|autoscaling:UpdateAutoScalingGroup"},
			{"ec2:AssociateIamInstanceProfile"}, {"ec2:ReplaceIamInstanceProfileAssociation"},
		}},
		{"AWS CloudFormation", []string{"cloudformation.amazonaws.com"}, [][]string{
			{"cloudformation:CreateStack"}, {"cloudformation:UpdateStack"},
			{"cloudformation:CreateStackSet", "cloudformation:CreateStackInstances"}, {"cloudformation:UpdateStackSet"},
			{"cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"},
		}},
		{"AWS Glue", []string{"glue.amazonaws.com"}, [][]string{
			{"glue:CreateDevEndpoint"}, {"glue:CreateSession", "glue:RunStatement"},
			{"glue:CreateJob|glue:UpdateJob", "glue:StartJobRun|glue:CreateTrigger|glue:UpdateTrigger|glue:StartTrigger|" +
				"glue:CreateWorkflow|glue:StartWorkflowRun"},
		}},
		{"AWS CodeBuild", []string{"codebuild.amazonaws.com"}, [][]string{
			{"codebuild:CreateProject|codebuild:UpdateProject", "codebuild:StartBuild|codebuild:StartBuildBatch|" +
				"codebuild:CreateWebhook|codebuild:RetryBuild|codebuild:RetryBuildBatch"},
		}},
		{"AWS CodePipeline", []string{"codepipeline.amazonaws.com"}, [][]string{
			{"codepipeline:CreatePipeline"}, {"codepipeline:UpdatePipeline"},
		}},
		{"AWS CodeDeploy", []string{"codedeploy.amazonaws.com"}, [][]string{
			{"codedeploy:CreateDeploymentGroup|codedeploy:UpdateDeploymentGroup", "codedeploy:CreateDeployment"},
		}},
		{"Amazon ECS", []string{"ecs-tasks.amazonaws.com", "ecs.amazonaws.com"}, [][]string{
			{"ecs:RegisterTaskDefinition", "ecs:RunTask|ecs:StartTask|ecs:CreateService|ecs:UpdateService|ecs:CreateTaskSet|" +
				"events:PutTargets|scheduler:CreateSchedule"},
			{"ecs:RunTask"}, {"ecs:StartTask"},
		}},
		{"Amazon EKS", []string{"pods.eks.amazonaws.com", "eks.amazonaws.com"}, [][]string{
			{"eks:CreatePodIdentityAssociation"}, {"eks:UpdatePodIdentityAssociation"},
		}},
		{"AWS Batch", []string{"ecs-tasks.amazonaws.com", "batch.amazonaws.com"}, [][]string{
			{"batch:RegisterJobDefinition", "batch:SubmitJob"},
		}},
		{"Amazon SageMaker AI", []string{"sagemaker.amazonaws.com"}, [][]string{
			{"sagemaker:CreateNotebookInstance"}, {"sagemaker:CreateTrainingJob"}, {"sagemaker:CreateProcessingJob"},
			{"sagemaker:CreateHyperParameterTuningJob"}, {"sagemaker:CreateAutoMLJob|sagemaker:CreateAutoMLJobV2"},
			{"sagemaker:CreateModel", "sagemaker:CreateEndpoint|sagemaker:CreateTransformJob"},
			{"sagemaker:CreatePipeline|sagemaker:UpdatePipeline", "sagemaker:StartPipelineExecution"},
			{"sagemaker:CreateDomain|sagemaker:CreateUserProfile|sagemaker:UpdateUserProfile|sagemaker:UpdateDomain",
				"sagemaker:CreatePresignedDomainUrl|sagemaker:CreateApp"},
			{"sagemaker:UpdateNotebookInstance"}, {"sagemaker:CreateCluster"},
		}},
		{"AWS Data Pipeline", []string{"datapipeline.amazonaws.com", "elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"},
			[][]string{{"datapipeline:PutPipelineDefinition", "datapipeline:ActivatePipeline"}}},
		{"AWS App Runner", []string{"tasks.apprunner.amazonaws.com", "build.apprunner.amazonaws.com",
			"apprunner.amazonaws.com"}, [][]string{{"apprunner:CreateService"}, {"apprunner:UpdateService"}}},
		{"Amazon Bedrock AgentCore", []string{"bedrock-agentcore.amazonaws.com"}, [][]string{
			{"bedrock-agentcore:CreateCodeInterpreter", "bedrock-agentcore:StartCodeInterpreterSession",
				"bedrock-agentcore:InvokeCodeInterpreter"},
			{"bedrock-agentcore:CreateAgentRuntime|bedrock-agentcore:UpdateAgentRuntime",
				"bedrock-agentcore:InvokeAgentRuntime"},
			{"bedrock-agentcore:CreateBrowser", "bedrock-agentcore:StartBrowserSession"},
		}},
		{"Amazon EMR", []string{"elasticmapreduce.amazonaws.com", "ec2.amazonaws.com", "emr-serverless.amazonaws.com",
			"emr-containers.amazonaws.com"}, [][]string{
			{"elasticmapreduce:RunJobFlow"}, {"emr-serverless:StartJobRun"}, {"emr-containers:StartJobRun"},
			{"elasticmapreduce:CreateStudio", "elasticmapreduce:CreateEditor"},
		}},
		{"AWS Systems Manager", []string{"ssm.amazonaws.com", "ec2.amazonaws.com"}, [][]string{
			{"ssm:StartAutomationExecution"}, {"ssm:CreateActivation"}, {"ssm:RegisterTaskWithMaintenanceWindow"},
			{"ssm:StartChangeRequestExecution"},
		}},
		{"AWS Step Functions", []string{"states.amazonaws.com"}, [][]string{
			{"states:CreateStateMachine|states:UpdateStateMachine", "states:StartExecution|states:StartSyncExecution|" +
				"states:TestState|events:PutTargets|scheduler:CreateSchedule"},
			{"states:TestState"},
		}},
		{"Amazon EventBridge", []string{"events.amazonaws.com", "scheduler.amazonaws.com", "pipes.amazonaws.com"}, [][]string{
			{"scheduler:CreateSchedule"}, {"scheduler:UpdateSchedule"}, {"events:PutRule", "events:PutTargets"},
			{"pipes:CreatePipe"}, {"pipes:UpdatePipe"},
		}},
		{"Amazon API Gateway", []string{"apigateway.amazonaws.com"}, [][]string{{"apigateway:PUT"}, {"apigateway:POST"}}},
		{"AWS AppSync", []string{"appsync.amazonaws.com"}, [][]string{
			{"appsync:CreateDataSource|appsync:UpdateDataSource", "appsync:CreateResolver|appsync:UpdateResolver|" +
				"appsync:CreateFunction|appsync:UpdateFunction"},
		}},
		{"Amazon Cognito", []string{"cognito-identity.amazonaws.com"}, [][]string{{"cognito-identity:SetIdentityPoolRoles"}}},
		{"IAM Roles Anywhere", []string{"rolesanywhere.amazonaws.com"}, [][]string{
			{"rolesanywhere:CreateProfile|rolesanywhere:UpdateProfile"},
		}},
		{"Amazon MWAA", []string{"airflow.amazonaws.com", "airflow-env.amazonaws.com", "airflow-serverless.amazonaws.com"},
			[][]string{{"airflow:CreateEnvironment"}, {"airflow:UpdateEnvironment"},
				{"airflow-serverless:CreateWorkflow", "airflow-serverless:StartWorkflowRun"}}},
		{"AWS Amplify", []string{"amplify.amazonaws.com"}, [][]string{
			{"amplify:CreateApp|amplify:UpdateApp", "amplify:StartJob|amplify:CreateDeployment|amplify:StartDeployment"},
		}},
		{"EC2 Image Builder", []string{"imagebuilder.amazonaws.com", "ec2.amazonaws.com"}, [][]string{
			{"imagebuilder:CreateInfrastructureConfiguration", "imagebuilder:CreateImage|imagebuilder:CreateImagePipeline|" +
				"imagebuilder:StartImagePipelineExecution"},
		}},
		{"Amazon Managed Service for Apache Flink", []string{"kinesisanalytics.amazonaws.com"}, [][]string{
			{"kinesisanalytics:CreateApplication", "kinesisanalytics:StartApplication"},
		}},
		{"Amazon Braket", []string{"braket.amazonaws.com"}, [][]string{{"braket:CreateJob"}}},
		{"Amazon GameLift", []string{"gamelift.amazonaws.com"}, [][]string{
			{"gamelift:CreateFleet"}, {"gamelift:CreateContainerGroupDefinition", "gamelift:CreateContainerFleet"},
		}},
		{"AWS Fault Injection Service", []string{"fis.amazonaws.com"}, [][]string{
			{"fis:CreateExperimentTemplate|fis:UpdateExperimentTemplate", "fis:StartExperiment"},
		}},
		{"AWS IoT", []string{"iot.amazonaws.com", "credentials.iot.amazonaws.com", "greengrass.amazonaws.com"}, [][]string{
			{"iot:CreateRoleAlias|iot:UpdateRoleAlias"}, {"iot:CreateTopicRule"}, {"iot:ReplaceTopicRule"},
			{"greengrass:AssociateRoleToGroup"},
		}},
		{"AWS OpsWorks", []string{"opsworks.amazonaws.com", "ec2.amazonaws.com"}, [][]string{{"opsworks:CreateStack"}}},
		{"AWS CodeStar", []string{"codestar.amazonaws.com"}, [][]string{{"codestar:CreateProject"}}},
		{"AWS Service Catalog", []string{"servicecatalog.amazonaws.com"}, [][]string{
			{"servicecatalog:CreateConstraint", "servicecatalog:ProvisionProduct"},
		}},
		{"AWS Proton", []string{"proton.amazonaws.com"}, [][]string{
			{"proton:CreateEnvironment|proton:UpdateEnvironment|proton:UpdateAccountSettings"},
		}},
	}
}

// run are the resources of a service that run with a role already, and what makes them run something else.
type run struct {
	service string
	on      kind
	rights  [][]string
}

func running() []run {
	return []run{
		{"AWS Lambda", existing("arn:*:lambda:*:*:function:*"), [][]string{
			{"lambda:UpdateFunctionCode"}, {"lambda:UpdateFunctionConfiguration"},
		}},
		{"Amazon EC2", instances, [][]string{
			{"ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"},
			{"ec2-instance-connect:SendSSHPublicKey"}, {"ec2-instance-connect:SendSerialConsoleSSHPublicKey"},
		}},
		{"Amazon EC2", existing("arn:*:ec2:*:*:launch-template/*"), [][]string{
			{"ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate|autoscaling:UpdateAutoScalingGroup"},
		}},
		{"AWS Systems Manager", instances, [][]string{
			{"ssm:StartSession"}, {"ssm:SendCommand"}, {"ssm:CreateAssociation"},
		}},
		{"AWS Systems Manager", existing("arn:*:ssm:*:*:association/*"), [][]string{{"ssm:UpdateAssociation"}}},
		{"AWS CloudFormation", existing("arn:*:cloudformation:*:*:stack/*"), [][]string{
			{"cloudformation:UpdateStack"}, {"cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"},
		}},
		{"AWS CloudFormation", existing("arn:*:cloudformation:*:*:stackset/*"), [][]string{
			{"cloudformation:UpdateStackSet"}, {"cloudformation:CreateStackInstances"},
		}},
		{"AWS CodeBuild", existing("arn:*:codebuild:*:*:project/*"), [][]string{
			{"codebuild:StartBuild"}, {"codebuild:StartBuildBatch"},
			{"codebuild:UpdateProject", "codebuild:CreateWebhook|codebuild:RetryBuild"},
		}},
		{"AWS CodeDeploy", existing("arn:*:codedeploy:*:*:deploymentgroup:*"), [][]string{{"codedeploy:CreateDeployment"}}},
		{"AWS CodePipeline", existing("arn:*:codepipeline:*:*:*"), [][]string{
			{"codepipeline:UpdatePipeline", "codepipeline:StartPipelineExecution"},
		}},
		{"AWS Glue", existing("arn:*:glue:*:*:devEndpoint/*"), [][]string{{"glue:UpdateDevEndpoint"}}},
		{"AWS Glue", existing("arn:*:glue:*:*:session/*"), [][]string{{"glue:RunStatement"}}},
		{"AWS Glue", existing("arn:*:glue:*:*:job/*"), [][]string{
			{"glue:UpdateJob", "glue:StartJobRun|glue:CreateTrigger|glue:UpdateTrigger|glue:StartTrigger"},
		}},
		{"Amazon ECS", existing("arn:*:ecs:*:*:task/*", "arn:*:ecs:*:*:cluster/*"), [][]string{{"ecs:ExecuteCommand"}}},
		{"Amazon EKS", existing("arn:*:eks:*:*:cluster/*", "arn:*:eks:*:*:access-entry/*"), [][]string{
			{"eks:AssociateAccessPolicy"}, {"eks:CreateAccessEntry"}, {"eks:UpdateAccessEntry"},
		}},
		{"AWS Batch", existing("arn:*:batch:*:*:job-definition/*", "arn:*:batch:*:*:job-queue/*"), [][]string{
			{"batch:SubmitJob"},
		}},
		{"Amazon EMR", existing("arn:*:elasticmapreduce:*:*:cluster/*"), [][]string{
			{"elasticmapreduce:AddJobFlowSteps"}, {"elasticmapreduce:GetClusterSessionCredentials"},
		}},
		{"Amazon SageMaker AI", existing("arn:*:sagemaker:*:*:notebook-instance/*"), [][]string{
			{"sagemaker:CreatePresignedNotebookInstanceUrl"},
		}},
		{"Amazon SageMaker AI", existing("arn:*:sagemaker:*:*:user-profile/*", "arn:*:sagemaker:*:*:app/*"), [][]string{
			{"sagemaker:CreatePresignedDomainUrl"},
		}},
		{"Amazon SageMaker AI", existing("arn:*:sagemaker:*:*:notebook-instance-lifecycle-config/*"), [][]string{
			{"sagemaker:UpdateNotebookInstanceLifecycleConfig"},
			{"sagemaker:CreateNotebookInstanceLifecycleConfig", "sagemaker:UpdateNotebookInstance"},
		}},
		{"AWS App Runner", existing("arn:*:apprunner:*:*:service/*"), [][]string{{"apprunner:UpdateService"}}},
		{"Amazon Bedrock AgentCore", existing("arn:*:bedrock-agentcore:*:*:code-interpreter/*",
			"arn:*:bedrock-agentcore:*:*:code-interpreter-custom/*"), [][]string{
			{"bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter"},
		}},
		{"AWS Step Functions", existing("arn:*:states:*:*:stateMachine:*"), [][]string{
			{"states:UpdateStateMachine", "states:StartExecution|states:StartSyncExecution"},
		}},
		{"AWS Amplify", existing("arn:*:amplify:*:*:apps/*"), [][]string{{"amplify:UpdateApp", "amplify:StartJob"}}},
		{"Amazon MWAA", existing("arn:*:airflow:*:*:environment/*", "arn:*:airflow:*:*:role/*"), [][]string{
			{"airflow:CreateWebLoginToken"}, {"airflow:CreateCliToken"},
		}},
		{"AWS CodeStar", existing("arn:*:codestar:*:*:project/*"), [][]string{{"codestar:AssociateTeamMember"}}},
	}
}

// table are all ways, prepared when they are first asked for.
var table = sync.OnceValue(func() []prepared {
	var all []prepared
	add := func(what i18n.Message, on kind, self bool, rights []string, passed []string) {
		p := prepared{what: what, on: on, self: self, passed: passed}
		for _, arn := range on.arns {
			p.arns = append(p.arns, readResource(arn, false))
		}
		for _, right := range rights {
			p.rights = append(p.rights, strings.Split(right, "|"))
		}
		all = append(all, p)
	}
	for _, w := range direct() {
		add(w.what, w.on, w.self, w.rights, nil)
	}
	for _, p := range passing() {
		what := i18n.T("can run code with a role that it passes to %s", p.service)
		for _, rights := range p.rights {
			add(what, roles, false, append([]string{"iam:PassRole"}, rights...), p.principals)
		}
	}
	for _, r := range running() {
		what := i18n.T("can run code with the roles of what exists in %s", r.service)
		for _, rights := range r.rights {
			add(what, r.on, false, rights, nil)
		}
	}
	return all
})

// dangerous are all actions that a way, or nearly all of IAM, needs.
var dangerous = sync.OnceValue(func() (actions []string) {
	for _, p := range table() {
		actions = append(actions, slices.Concat(p.rights...)...)
	}
	for _, of := range allOfIAM() {
		actions = append(actions, of.actions...)
	}
	slices.Sort(actions)
	return slices.Compact(actions)
})

type prepared struct {
	what   i18n.Message
	on     kind
	arns   []resource
	self   bool
	rights [][]string // one of each is needed
	passed []string   // services that a role is passed to; nil: none is passed
}

// escalates are the ways in which the holder can become an administrator.
func (h *held) escalates() []Way {
	var found []Way
	all := table()
	for i := range all {
		if w, ok := h.way(&all[i]); ok {
			found = append(found, w)
		}
	}
	return found
}

// way is one row of the table, if the holder has its rights.
func (h *held) way(p *prepared) (Way, bool) {
	var rights []string
	far := nowhere
	for i, alternatives := range p.rights {
		most, which := nowhere, ""
		for _, action := range alternatives {
			r := h.on(action, p, i == 0)
			if r > most {
				most, which = r, action
			}
		}
		if most == nowhere {
			return Way{}, false
		}
		if i == 0 {
			far = most
		}
		rights = append(rights, which)
	}
	if far < itself || far == itself && !p.self || !h.commands(rights[0]) {
		return Way{}, false
	}
	return Way{p.describe(rights, far), rights, p.what.String(), p}, true
}

// commands reports whether a right that sends a command is held to documents with which nobody can do much.
func (h *held) commands(action string) bool {
	if action != "ssm:SendCommand" && action != "ssm:CreateAssociation" {
		return true
	}
	return slices.ContainsFunc(commands, func(document resource) bool { return h.reach(action, document, nil) > named })
}

// on is how far a right goes: among the resources of the way, or at all.
func (h *held) on(action string, p *prepared, limited bool) reach {
	if !limited || len(p.arns) == 0 {
		return h.anywhere(action)
	}
	most := nowhere
	for _, arn := range p.arns {
		most = max(most, h.reach(action, arn, p.passed))
	}
	return most
}

// whole are all resources.
var whole = sync.OnceValue(func() resource { return readResource("arn:*:*:*:*:*", false) })

// anywhere is every if the action is allowed on any resource, which is not denied.
func (h *held) anywhere(action string) reach {
	action = lower(action)
	if h.boundary != nil && h.boundary.anywhere(action) == nowhere {
		return nowhere
	}
	for s := range of(h.allows, action) {
		if s.resource.not && h.unlessDenied(action, whole(), whole(), every) > nowhere {
			return every
		}
		if !s.resource.not && slices.ContainsFunc(s.resources, func(r resource) bool {
			if r.all {
				r = whole()
			}
			return h.unlessDenied(action, whole(), r, every) > nowhere
		}) {
			return every
		}
	}
	return nowhere
}

func (p *prepared) describe(rights []string, far reach) i18n.Message {
	on := p.on.every
	switch far {
	case itself:
		on = i18n.T("itself")
	case notable:
		on = i18n.T("what is named like an administrator's")
	case some:
		on = p.on.some
	}
	first := i18n.Literal(rights[0])
	if !on.Empty() {
		first = i18n.T("%s on %s", first, on)
	}
	if len(rights) > 1 {
		first = i18n.T("%s with %s", first, i18n.And(rights[1:]...))
	}
	return i18n.Join(": ", p.what, first)
}

// Somebody who has one right of each list on all resources of the kind has nearly all of IAM.
var allOfIAM = sync.OnceValue(func() []part {
	return []part{
		{readResource(users.arns[0], false), []string{"iam:PutUserPolicy", "iam:AttachUserPolicy"}},
		{readResource(roles.arns[0], false), []string{"iam:PutRolePolicy", "iam:AttachRolePolicy"}},
		{readResource(users.arns[0], false), []string{
			"iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:CreateUser",
		}},
		{readResource(roles.arns[0], false), []string{"iam:UpdateAssumeRolePolicy", "iam:CreateRole", "iam:PassRole"}},
	}
})

// part is a part of IAM.
type part struct {
	kind    resource
	actions []string
}

// sample are actions of many services. Who has a statement for all actions, or for all but some, and most of these, can
// do nearly everything.
var sample = []string{
	"cloudtrail:StopLogging", "dynamodb:PutItem", "ec2:RunInstances", "ecs:RunTask", "events:PutRule", "kms:PutKeyPolicy",
	"lambda:CreateFunction", "logs:DeleteLogGroup", "rds:DeleteDBInstance", "s3:DeleteBucket", "sns:Publish",
	"sqs:SendMessage",
}

// administers says why the holder is an administrator, nothing if it is none; and whether it has nearly all of IAM.
func (h *held) administers() (ways []Way, iam bool) {
	all, allBut, plain := false, false, false
	for _, s := range h.allows[""] {
		if s.action.not {
			allBut = true
		} else if slices.ContainsFunc(s.action.patterns, func(p string) bool { return covers(p, "*:*") }) {
			all = true
			plain = plain || len(s.conditions) == 0 && len(h.denies) == 0 && h.boundary == nil && !s.resource.not &&
				slices.ContainsFunc(s.resources, func(r resource) bool { return r.all })
		}
	}
	possible := 0
	if all || allBut {
		for _, action := range sample {
			kind := whole()
			kind.segments[service], _, _ = strings.Cut(action, ":")
			if h.reach(action, kind, nil) == every {
				possible++
			}
		}
	}
	iam = !slices.ContainsFunc(allOfIAM(), func(of part) bool {
		return !slices.ContainsFunc(of.actions, func(action string) bool { return h.reach(action, of.kind, nil) == every })
	})
	switch {
	case 2*possible < len(sample) && !iam:
		return nil, false
	case 2*possible < len(sample):
		return []Way{{Text: i18n.T("nearly all of IAM"), Rights: []string{"iam:*"}}}, iam
	case plain:
		return []Way{{Text: i18n.T("every action on every resource"), Rights: []string{"*"}}}, iam
	case iam && all && possible == len(sample):
		return []Way{{Text: i18n.T("nearly every action on nearly every resource"), Rights: []string{"*"}}}, iam
	}
	return []Way{{Text: i18n.T("nearly every action but some"), Rights: []string{"*"}}}, iam
}
