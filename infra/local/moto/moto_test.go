package moto_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
)

func start(t *testing.T) *moto.Server {
	t.Helper()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	python, err := root.Python()
	if err != nil {
		t.Fatal(err)
	}
	server, err := moto.Start(t.Context(), python, "server.py")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestServerAnswersOnLoopbackAndIsGoneAfterClose(t *testing.T) {
	server := start(t)
	if !strings.HasPrefix(server.URL, "http://127.0.0.1:") {
		t.Errorf("URL = %q, want a loopback address", server.URL)
	}
	response, err := http.Get(server.URL + "/moto-api/data.json")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	server.Close()
	if _, err := http.Get(server.URL); err == nil {
		t.Error("the server still answers after Close")
	}
}

func TestAgeOfAnUnknownKeyIsAnError(t *testing.T) {
	server := start(t)
	err := server.Age(t.Context(), moto.Age{AccessKey: "AKIANONE", Created: time.Unix(0, 0)})
	if err == nil || !strings.Contains(err.Error(), "AKIANONE") {
		t.Errorf("Age = %v, want an error that names the key", err)
	}
}

func TestCallerOfAnUnknownKeyIsNobody(t *testing.T) {
	server := start(t)
	caller, err := server.Caller(t.Context(), "AKIANONE", "iam:CreateUser", "*")
	if err != nil {
		t.Fatal(err)
	}
	if caller != (moto.Caller{}) {
		t.Errorf("Caller = %+v, want nobody", caller)
	}
}

func TestStartTellsWhyThePythonDidNotWork(t *testing.T) {
	_, err := moto.Start(context.Background(), "/bin/sh", "/nonexistent/server.py")
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/server.py") {
		t.Errorf("Start = %v, want the interpreter's own words", err)
	}
}
