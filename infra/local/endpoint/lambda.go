package endpoint

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/warder-aws/warder/infra/local/lambdahost"
)

// invoke is Lambda's Invoke for the functions of the template.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (h *Handler) invoke(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("name"))
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		lambdaError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", err.Error())
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		lambdaError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
		return
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "", "RequestResponse":
		result, err := h.Lambda.Invoke(r.Context(), name, payload)
		if err != nil {
			h.lambdaFailure(w, name, err)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("X-Amzn-Requestid", result.RequestID)
		header.Set("X-Amz-Executed-Version", "$LATEST")
		if result.Failed {
			header.Set("X-Amz-Function-Error", "Unhandled")
		}
		if r.Header.Get("X-Amz-Log-Type") == "Tail" {
			header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.Log))
		}
		_, _ = w.Write(result.Payload)
	case "Event":
		if _, err := h.Lambda.Send(name, payload); err != nil {
			h.lambdaFailure(w, name, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		lambdaError(w, http.StatusBadRequest, "InvalidParameterValueException",
			"invocation type "+kind+": the local account has RequestResponse and Event")
	}
}

// functionName is the name in a name, an ARN or a partial ARN, each with or without a qualifier.
func functionName(identifier string) string {
	if _, name, ok := strings.Cut(identifier, "function:"); ok {
		identifier = name
	}
	name, _, _ := strings.Cut(identifier, ":")
	return name
}

func (h *Handler) functionARN(name string) string {
	return "arn:aws:lambda:" + h.Region + ":" + h.Account + ":function:" + name
}

func (h *Handler) lambdaFailure(w http.ResponseWriter, name string, err error) {
	if errors.Is(err, lambdahost.ErrUnknown) {
		lambdaError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+h.functionARN(name))
		return
	}
	lambdaError(w, http.StatusInternalServerError, "ServiceException", err.Error())
}

func lambdaError(w http.ResponseWriter, status int, code, message string) {
	a := inJSON(map[string]string{"Type": "User", "Message": message})
	a.status = status
	a.header.Set("X-Amzn-Errortype", code)
	a.write(w)
}
