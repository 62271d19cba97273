package doubles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reference is AWS's page of an operation.
func reference(operation string) string {
	service, name, _ := strings.Cut(operation, ":")
	// What policies call by other names
	// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
	name = strings.Replace(name, "BucketPublicAccessBlock", "PublicAccessBlock", 1)
	of := map[string]string{
		"iam": "IAM/latest/APIReference", "sts": "STS/latest/APIReference", "ssm": "systems-manager/latest/APIReference",
		"secretsmanager": "secretsmanager/latest/apireference", "s3": "AmazonS3/latest/API", "sns": "sns/latest/api",
		"sqs": "AWSSimpleQueueService/latest/APIReference", "events": "eventbridge/latest/APIReference",
		"dynamodb": "amazondynamodb/latest/APIReference", "cloudtrail": "awscloudtrail/latest/APIReference",
		"config": "config/latest/APIReference", "guardduty": "guardduty/latest/APIReference",
		"securityhub": "securityhub/1.0/APIReference",
		"ec2":         "AWSEC2/latest/APIReference", "rds": "AmazonRDS/latest/APIReference",
		"signin": "signin/latest/APIReference", "sso": "singlesignon/latest/APIReference",
	}
	if service == "route53resolver" {
		of[service], name = "Route53/latest/APIReference", service+"_"+name
	}
	return fmt.Sprintf("[%s](https://docs.aws.amazon.com/%s/API_%s.html)", operation, of[service], name)
}

// said is the name of a trial, and whether AWS documents what comes of it.
func (of trial) said() string {
	if of.unsaid {
		return of.name + " (AWS does not say)"
	}
	return of.name
}

// page is docs/doubles.md.
func page() string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	byOperation := map[string][]trial{}
	trials, differ := table(), 0
	for _, of := range trials {
		byOperation[of.operation] = append(byOperation[of.operation], of)
		if of.moto != "" {
			differ++
		}
	}
	operations := slices.Sorted(maps.Keys(byOperation))

	line("# What the doubles of AWS answer")
	line("")
	line("<!-- Written by go test ./infra/local/doubles -update. -->")
	line("")
	line("Tests run against two accounts that are not AWS: one in memory (`pkg/test/fakeaws`), and the local account")
	line("(`infra/local`: moto behind a front). This is every operation that a function may call, with what is tried in")
	line("both: %d cases of %d operations. What is expected is what AWS documents, on the linked page and on those of",
		len(trials), len(operations))
	line("[IAM's quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), of")
	line("[credential reports](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html), of")
	line("[S3's errors](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) and of")
	line(
		"[errors that all have](https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html). Where AWS does not",
	)
	line("say, the case says that. The account in memory answers all of it so. The local account answers %d otherwise;",
		differ)
	line("these are [listed below](#known-differences), and are checked as well: one that is gone fails the test.")
	line("")
	line("    go test ./infra/local/doubles")
	line("")
	line("| operation | cases | in memory | local account | tried |")
	line("| --- | --- | --- | --- | --- |")
	for _, operation := range operations {
		var names []string
		differ := 0
		for _, of := range byOperation[operation] {
			if of.moto != "" {
				differ++
			}
			names = append(names, of.said())
		}
		local := "as AWS"
		if differ > 0 {
			local = fmt.Sprintf("[%d otherwise](#known-differences)", differ)
		}
		line("| %s | %d | as AWS | %s | %s |", reference(operation), len(names), local, strings.Join(names, "; "))
	}
	line("")
	line("The ledger's table is no part of the account in memory. `ledger.Dynamo` calls `%s`;", strings.Join(stored,
		"`, `"))
	line("its double is `ledger.Memory`. What a store must do is `pkg/test/storetest`, which runs against both:")
	line("")
	line("    go test ./pkg/ledger -run TestMemoryIsAStore")
	line("    go test ./infra/local -run TestLedgerTable_IsAStore")
	line("")
	line("`check-warder` reads what was deployed, by %d operations that nothing else uses. Its test has an account of its own;",
		len(compared))
	line("the local account answers from the template and from what was changed since, which the attacks `blind-daily-*` try:")
	line("")
	line("    go test ./functions/check-warder")
	line("    go run ./infra/local attacks --run blind-daily")
	line("")
	line("Permissions that are no call of a function:")
	line("")
	for _, action := range slices.Sorted(maps.Keys(uncalled)) {
		line("- `%s`: %s.", action, uncalled[action])
	}
	line("")
	line("## Known differences")
	line("")
	line("| operation | case | AWS, and in memory | local account | why that does no harm |")
	line("| --- | --- | --- | --- | --- |")
	for _, operation := range operations {
		for _, of := range byOperation[operation] {
			if of.moto != "" {
				line("| %s | %s | `%s` | `%s` | %s |", of.operation, of.said(), cell(of.want), cell(of.moto), of.why)
			}
		}
	}
	return out.String()
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "\n", " ")
}
