package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/warder-aws/warder/infra/local/lambdahost"
)

func TestCost_FixedItemsFromTheTemplate(t *testing.T) {
	items, err := priceTemplates([][]byte{[]byte(`{"Resources": {
		"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "x"}},
		"B": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
			"Metrics": [{"Expression": "a+b"}, {"MetricStat": {}}, {"MetricStat": {}}]}},
		"C": {"Type": "AWS::CloudWatch::CompositeAlarm"},
		"D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Sub": [
			"{\"widgets\": [{\"properties\": {\"metrics\": [[\"a\", \"b\"]]}}]}", {}]}}},
		"E": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": ` +
		strconv.Quote(`{"widgets": [{"properties": {"metrics": [0`+strings.Repeat(", 0", 50)+`]}}]}`) + `}},
		"F": {"Type": "AWS::Lambda::EventSourceMapping"},
		"K": {"Type": "AWS::KMS::Key"},
		"Q": {"Type": "AWS::SQS::Queue"}
	}}`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range items {
		got = append(got, fmt.Sprintf("%v %s: %.2f", i.Quantity, i.What, i.USD))
	}
	if diff := cmp.Diff([]string{"1 KMS keys: 1.00", "3 alarms: 0.30", "1 alarms of alarms: 0.50",
		"657000 SQS, requests: 0.26", "1 dashboards: 3.00",
		"1 dashboards: 0.00"}, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestCost_MetricIsBilledForHoursWithValues(t *testing.T) {
	total := newConsumption()
	total.times = 1460 // more often than there are hours
	total.invoked(lambdahost.Result{Function: "warder-a", Log: []byte(`plain text
{"msg":"invocation","Findings":0,"_aws":{"Timestamp":1,"CloudWatchMetrics":[` +
		`{"Namespace":"Warder","Dimensions":[["Control"]],"Metrics":[{"Name":"Findings"}]},` +
		`{"Namespace":"Warder","Dimensions":[[]],"Metrics":[{"Name":"HaltedHours"}]}]}}
`)})
	if diff := cmp.Diff(map[string]float64{"Findings of warder-a": 1460, "HaltedHours": 1460}, total.metrics); diff != "" {
		t.Fatalf("values (-want +got):\n%s", diff)
	}
	metrics := total.price()[0]
	if metrics.What != "custom metrics" || metrics.Quantity != 2 || metrics.USD != 0.6 {
		t.Errorf("priced as %+v, want 2 metrics for a whole month", metrics)
	}
}

func TestCost_EventsOfTheMonthExist(t *testing.T) {
	for _, entry := range month {
		if _, err := os.Stat(filepath.Join("../../events", entry.event)); err != nil || entry.times < 1 {
			t.Errorf("%s, %d times: %v", entry.event, entry.times, err)
		}
	}
}
