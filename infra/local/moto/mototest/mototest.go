// Package mototest starts moto for tests and makes clients of it. A test never runs without: what
// is missing fails it, with the command that makes it.
package mototest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/warder-aws/warder/infra/local/moto"
	"github.com/warder-aws/warder/infra/local/project"
)

// Region is where the clients are.
const Region = "us-east-1"

// Start starts a moto that ends with the test.
func Start(t *testing.T) *moto.Server {
	t.Helper()
	root, err := project.Find()
	if err != nil {
		t.Fatal(err)
	}
	python, err := root.Python()
	if err != nil {
		t.Fatal(err)
	}
	server, err := moto.Start(t.Context(), python, root.Launcher())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// Config makes clients of the endpoint at url.
func Config(url, accessKey, secret string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secret, ""),
	}
}
