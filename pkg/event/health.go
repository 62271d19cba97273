package event

import (
	"cmp"
	"strconv"
	"time"
)

// Health is AWS Health telling an account of something: an outage, planned work, or a risk that AWS found, such as an
// access key that is public. AWS sends it to the region and, with Backup set, to a second one: us-west-2 for what is
// sent to us-east-1. A long list of entities comes in pages, each an event.
//
// https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
type Health struct {
	Service    string // such as "RISK"
	TypeCode   string // eventTypeCode, such as "AWS_RISK_CREDENTIALS_EXPOSED"
	StatusCode string // "open", "closed" or "upcoming"; empty in events of the schema before 2023

	// CommunicationID is the same for the copies and the pages of one message. It is empty in events of the schema before
	// 2023.
	CommunicationID string

	// Account is the affected account. The event's own is another where an organization's events are gathered.
	Account     string
	Region      string // eventRegion, else the event's
	Backup      bool   // it is the copy
	Page, Pages int    // 1 of 1 if the event does not say
	Start       time.Time
	Description string // latestDescription, in English if there is one; whatever AWS wrote, key ids included
	Entities    []HealthEntity
}

// HealthEntity is one thing that is affected.
type HealthEntity struct {
	Value  string // of a risk: an access key id, or the name or ARN of an IAM user
	Status string // such as "IMPAIRED"; often empty
}

func (*Health) detail() {}

// Closed reports whether AWS takes the matter for settled.
func (h *Health) Closed() bool { return h.StatusCode == "closed" }

// key names what one message says to one account, whichever region it came to: account and communicationId, which AWS
// says tell duplicates, the page, as the pages of a message share its id and are no duplicates, and what it says, as
// AWS updates it. Without communicationId there is none; there were no copies then.
func (h *Health) key() string {
	if h.Account == "" || h.CommunicationID == "" {
		return ""
	}
	key := "health:" + h.Account + ":" + h.CommunicationID
	if h.Pages > 1 {
		key += ":" + strconv.Itoa(h.Page)
	}
	return key + ":" + said(h.TypeCode, h.StatusCode, h.Entities)
}

// health reads an event of AWS Health. It wants its type code, without which nothing is known of it.
func health(detail Fields, e Event) (Detail, time.Time, error) {
	if err := detail.require("a health event", "eventTypeCode"); err != nil {
		return nil, time.Time{}, err
	}
	h := &Health{
		Service:         detail.text("service"),
		TypeCode:        detail.text("eventTypeCode"),
		StatusCode:      detail.text("statusCode"),
		CommunicationID: detail.text("communicationId"),
		Account:         cmp.Or(detail.text("affectedAccount"), e.Account),
		Region:          cmp.Or(detail.text("eventRegion"), e.Region),
		Backup:          detail.bool("backupEvent"),
		Page:            detail.count("page"),
		Pages:           detail.count("totalPages"),
		Start:           detail.time("startTime"),
	}
	for _, d := range detail.Objects("eventDescription") {
		if h.Description == "" || d.text("language") == "en_US" {
			h.Description = d.text("latestDescription")
		}
	}
	for _, entity := range detail.Objects("affectedEntities") {
		if value := entity.text("entityValue"); value != "" {
			h.Entities = append(h.Entities, HealthEntity{Value: value, Status: entity.text("status")})
		}
	}
	return h, h.Start, nil
}

// count is the number at the path, which AWS writes as a number or as text; 1 if there is none above it.
func (f Fields) count(path ...string) int {
	n, _ := strconv.Atoi(f.text(path...))
	return max(n, 1)
}
