package stack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"github.com/warder-aws/warder/pkg/settings"
)

// CodeFolder is the folder of the synthesized app with the archives to upload to the
// settings' bucket.
const CodeFolder = "code"

// synthesizer is how the stacks are deployed: by the CDK, into an environment that
// was bootstrapped for it; or, with a bucket of the functions' code, by anything that
// takes a plain template, such as a StackSet.
func synthesizer(s settings.Settings) awscdk.IStackSynthesizer {
	if s.AssetBucket == "" {
		return nil // the CDK's default
	}
	return awscdk.NewBootstraplessSynthesizer(nil)
}

// code is the code of the function of id. With a bucket in the settings it is an
// archive under a name that changes with its content, which is written to
// CodeFolder; Lambda wants it in the function's own region.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
func code(stack awscdk.Stack, id, binaries string, s settings.Settings) awslambda.Code {
	folder := filepath.Join(binaries, id)
	if s.AssetBucket == "" {
		return awslambda.Code_FromAsset(jsii.String(folder), nil)
	}
	archive, err := archived(filepath.Join(folder, "bootstrap"))
	if err != nil {
		panic(err) // Validate has found the binary
	}
	key := fmt.Sprintf("%s/%s/%.16x.zip", settings.Product, id, sha256.Sum256(archive))
	out := filepath.Join(*awscdk.Stage_Of(stack).Outdir(), CodeFolder, key)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		panic(fmt.Errorf("write code of %q: %w", id, err))
	}
	if err := os.WriteFile(out, archive, 0o644); err != nil {
		panic(fmt.Errorf("write code of %q: %w", id, err))
	}
	const bucket = "Code"
	imported, ok := stack.Node().TryFindChild(jsii.String(bucket)).(awss3.IBucket)
	if !ok {
		name := jsii.String(s.AssetBucket)
		if strings.Contains(s.AssetBucket, "${") {
			name = awscdk.Fn_Sub(name, nil)
		}
		imported = awss3.Bucket_FromBucketName(stack, jsii.String(bucket), name)
	}
	return awslambda.Code_FromBucket(imported, jsii.String(key), nil)
}

// archived is a zip archive with one executable file in it, the same for the same
// content.
func archived(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read binary: %w", err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	header := &zip.FileHeader{
		Name: filepath.Base(file), Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // the earliest that the format has
	}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(content)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", file, err)
	}
	return out.Bytes(), nil
}
