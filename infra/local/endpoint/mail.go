package endpoint

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// mailAction is the name of a call that reads SES, whose API has none on the wire; empty for any other.
func mailAction(path string) string {
	switch {
	case path == "/v2/email/account":
		return "GetAccount"
	case strings.HasPrefix(path, "/v2/email/identities/"):
		return "GetEmailIdentity"
	case strings.HasSuffix(path, "/event-destinations"):
		return "GetConfigurationSetEventDestinations"
	}
	return ""
}

// mailState answers what is read of SES. Here every mail is sent, and what comes back is an event that somebody puts on
// the bus: moto knows neither the account's state nor where events go.
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
func (h *Handler) mailState(ctx context.Context, req request) answer {
	switch path := req.URL.Path; {
	case path == "/v2/email/account":
		return inJSON(map[string]any{
			"SendingEnabled": true, "ProductionAccessEnabled": true, "EnforcementStatus": "HEALTHY",
		})
	case strings.HasPrefix(path, "/v2/email/identities/") && strings.Count(path, "/") == 4:
		answer := h.forward(ctx, req)
		var identity map[string]any
		if answer.status != http.StatusOK || json.Unmarshal(answer.body, &identity) != nil {
			return answer
		}
		identity["VerifiedForSendingStatus"] = true // there is no DNS to look into
		return inJSON(identity)
	case strings.HasSuffix(path, "/event-destinations"):
		set := strings.TrimSuffix(path, "/event-destinations")
		made := strings.TrimPrefix(set, "/v2/email/configuration-sets/")
		for _, d := range h.Deployed {
			for _, r := range d.Resources {
				if r.Type == "AWS::SES::ConfigurationSet" && r.PhysicalID == made {
					return inJSON(map[string]any{"EventDestinations": []any{map[string]any{
						"Name": "Back", "Enabled": true, "MatchingEventTypes": []string{"BOUNCE", "COMPLAINT"},
						"EventBridgeDestination": map[string]any{
							"EventBusArn": "arn:aws:events:" + h.Region + ":" + h.Account + ":event-bus/default",
						},
					}}})
				}
			}
		}
		return failure(req, http.StatusNotFound, "NotFoundException", "Configuration set <"+made+"> does not exist.")
	}
	return h.forward(ctx, req)
}
