package stack

import (
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// alarm creates an alarm in moto, which checks what it is made of and never lets it go off: nothing
// is measured in the local account.
func (m *maker) alarm(name string, properties map[string]any) (made, error) {
	var p struct {
		AlarmName, AlarmDescription, ComparisonOperator, Namespace, MetricName, Statistic, TreatMissingData *string
		Period, EvaluationPeriods, DatapointsToAlarm                                                        *int32
		Threshold                                                                                           *float64
		AlarmActions, OKActions                                                                             []string
		Dimensions                                                                                          []types.Dimension
		Metrics                                                                                             []types.MetricDataQuery
	}
	p.AlarmName = &name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	if _, err := m.CloudWatch.PutMetricAlarm(m.ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: p.AlarmName, AlarmDescription: p.AlarmDescription, ComparisonOperator: types.ComparisonOperator(aws.ToString(p.ComparisonOperator)),
		Namespace: p.Namespace, MetricName: p.MetricName, Statistic: types.Statistic(aws.ToString(p.Statistic)), TreatMissingData: p.TreatMissingData,
		Period: p.Period, EvaluationPeriods: p.EvaluationPeriods, DatapointsToAlarm: p.DatapointsToAlarm, Threshold: p.Threshold,
		AlarmActions: p.AlarmActions, OKActions: p.OKActions, Dimensions: p.Dimensions, Metrics: p.Metrics,
	}); err != nil {
		return made{}, err
	}
	return made{ref: *p.AlarmName, attributes: map[string]string{"Arn": m.arn("cloudwatch", "alarm:"+*p.AlarmName)}}, nil
}

// compositeAlarm stands for an alarm that moto cannot create. It does nothing here: no alarm goes off.
func (m *maker) compositeAlarm(name string, properties map[string]any) (made, error) {
	var p struct{ AlarmName, AlarmRule string }
	p.AlarmName = name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	return made{ref: p.AlarmName, attributes: map[string]string{"Arn": m.arn("cloudwatch", "alarm:"+p.AlarmName)}}, nil
}

func (m *maker) dashboard(name string, properties map[string]any) (made, error) {
	var p struct{ DashboardName, DashboardBody *string }
	p.DashboardName = &name
	if err := m.properties(properties, &p); err != nil {
		return made{}, err
	}
	_, err := m.CloudWatch.PutDashboard(m.ctx, &cloudwatch.PutDashboardInput{DashboardName: p.DashboardName, DashboardBody: p.DashboardBody})
	return made{ref: aws.ToString(p.DashboardName)}, err
}

// queryDefinition stands for a saved query, which moto cannot keep. It does nothing but be found by
// people, in a console that the local account does not have.
func (m *maker) queryDefinition(name string, properties map[string]any) (made, error) {
	var p struct {
		Name, QueryString string
		LogGroupNames     []json.RawMessage
	}
	return made{ref: name}, m.properties(properties, &p)
}
