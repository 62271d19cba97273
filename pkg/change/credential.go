package change

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/warder-aws/warder/pkg/i18n"
)

// The kinds that switch the long-lived credentials of a user that are no access keys: the target is the id of the
// credential, the values are [Active] and [Inactive].
const (
	ServiceCredentialStatus  = "service-specific credential status"
	SSHKeyStatus             = "SSH public key status"
	SigningCertificateStatus = "signing certificate status"
)

// Credential is a long-lived credential of a user that is no access key. IAM keeps no last use of any of them: the
// types of its API have no field for it.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredentialMetadata.html
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SSHPublicKeyMetadata.html
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SigningCertificate.html
type Credential struct {
	Kind    string // one of the kinds above
	ID      string
	Service string // such as "bedrock.amazonaws.com"; of a service-specific credential only
	Status  string // [Active], [Inactive], or "Expired"
	Created time.Time
	Expires time.Time // zero if it does not: only API keys of services that have long-term ones do
}

// CredentialAPI is the operations that credentials are listed with.
type CredentialAPI interface {
	iam.ListSSHPublicKeysAPIClient
	iam.ListSigningCertificatesAPIClient
	ListServiceSpecificCredentials(context.Context, *iam.ListServiceSpecificCredentialsInput,
		...func(*iam.Options)) (*iam.ListServiceSpecificCredentialsOutput, error)
}

// Credentials lists what a user has of every kind, for every service. That nobody has the name is an error that
// [NotFound] recognizes.
func Credentials(ctx context.Context, api CredentialAPI, user string) (all []Credential, err error) {
	for _, list := range []func(context.Context, CredentialAPI, string) ([]Credential, error){
		serviceCredentials, sshKeys, signingCertificates,
	} {
		some, err := list(ctx, api, user)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func serviceCredentials(ctx context.Context, api CredentialAPI, user string) (all []Credential, err error) {
	in := &iam.ListServiceSpecificCredentialsInput{UserName: &user}
	for more := true; more; {
		page, err := api.ListServiceSpecificCredentials(ctx, in)
		if err != nil {
			return nil, Wrap(err, "list service-specific credentials of %q", user)
		}
		for _, c := range page.ServiceSpecificCredentials {
			all = append(all, Credential{
				Kind: ServiceCredentialStatus, ID: aws.ToString(c.ServiceSpecificCredentialId),
				Service: aws.ToString(c.ServiceName), Status: string(c.Status), Created: aws.ToTime(c.CreateDate),
				Expires: aws.ToTime(c.ExpirationDate),
			})
		}
		in.Marker, more = page.Marker, page.IsTruncated && page.Marker != nil
	}
	return all, nil
}

func sshKeys(ctx context.Context, api CredentialAPI, user string) (all []Credential, err error) {
	pages := iam.NewListSSHPublicKeysPaginator(api, &iam.ListSSHPublicKeysInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Wrap(err, "list SSH public keys of %q", user)
		}
		for _, k := range page.SSHPublicKeys {
			all = append(all, Credential{
				Kind: SSHKeyStatus, ID: aws.ToString(k.SSHPublicKeyId), Status: string(k.Status),
				Created: aws.ToTime(k.UploadDate),
			})
		}
	}
	return all, nil
}

func signingCertificates(ctx context.Context, api CredentialAPI, user string) (all []Credential, err error) {
	pages := iam.NewListSigningCertificatesPaginator(api, &iam.ListSigningCertificatesInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Wrap(err, "list signing certificates of %q", user)
		}
		for _, c := range page.Certificates {
			all = append(all, Credential{
				Kind: SigningCertificateStatus, ID: aws.ToString(c.CertificateId), Status: string(c.Status),
				Created: aws.ToTime(c.UploadDate),
			})
		}
	}
	return all, nil
}

// IsCredential reports whether the kind switches a credential that is no access key.
func IsCredential(kind string) bool {
	return kind == ServiceCredentialStatus || kind == SSHKeyStatus || kind == SigningCertificateStatus
}

// credentialStatus is each of the kinds that switch a credential.
type credentialStatus struct {
	iamKind
	list func(context.Context, CredentialAPI, string) ([]Credential, error)
	set  func(ctx context.Context, api IAM, user, id string, status types.StatusType) error
}

func credentialKinds(named func(string) iamKind) []Kind {
	return []Kind{
		credentialStatus{named(ServiceCredentialStatus), serviceCredentials,
			func(ctx context.Context, api IAM, user, id string, status types.StatusType) error {
				_, err := api.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{
					UserName: &user, ServiceSpecificCredentialId: &id, Status: status,
				})
				return err
			}},
		credentialStatus{named(SSHKeyStatus), sshKeys,
			func(ctx context.Context, api IAM, user, id string, status types.StatusType) error {
				_, err := api.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{
					UserName: &user, SSHPublicKeyId: &id, Status: status,
				})
				return err
			}},
		credentialStatus{named(SigningCertificateStatus), signingCertificates,
			func(ctx context.Context, api IAM, user, id string, status types.StatusType) error {
				_, err := api.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{
					UserName: &user, CertificateId: &id, Status: status,
				})
				return err
			}},
	}
}

func (k credentialStatus) Read(ctx context.Context, c Change) (string, error) {
	all, err := k.list(ctx, k.iam, c.Subject)
	for _, credential := range all {
		if credential.ID == c.Target {
			return credential.Status, nil
		}
	}
	return "", err
}

func (k credentialStatus) Set(ctx context.Context, c Change) error {
	if c.After != Active && c.After != Inactive {
		return fmt.Errorf("set %s %s of %q to %q: the status is %s or %s", k.name, KeyHint(c.Target), c.Subject, c.After,
			Active, Inactive)
	}
	err := k.set(ctx, k.iam, c.Subject, c.Target, types.StatusType(c.After))
	return Wrap(err, "set %s %s of %q to %s", k.name, KeyHint(c.Target), c.Subject, c.After)
}

// Widens implements [Kind]: only to make a credential inactive takes nothing but access.
func (credentialStatus) Widens(c Change, _ []Change) bool { return c.After != Inactive }

func (k credentialStatus) Describe(c Change, done bool) i18n.Message {
	id, off := KeyHint(c.Target), c.After == Inactive
	switch k.name {
	case SSHKeyStatus:
		return either(
			off,
			done,
			i18n.T(
				"deactivated SSH public key %s of %s",
				id,
				c.Subject,
			),
			i18n.T("deactivate SSH public key %s of %s", id, c.Subject),
			i18n.T(
				"reactivated SSH public key %s of %s",
				id,
				c.Subject,
			),
			i18n.T("reactivate SSH public key %s of %s", id, c.Subject),
		)
	case SigningCertificateStatus:
		return either(off, done,
			i18n.T("deactivated signing certificate %s of %s", id, c.Subject),
			i18n.T("deactivate signing certificate %s of %s", id, c.Subject),
			i18n.T("reactivated signing certificate %s of %s", id, c.Subject),
			i18n.T("reactivate signing certificate %s of %s", id, c.Subject))
	}
	return either(off, done,
		i18n.T("deactivated service-specific credential %s of %s", id, c.Subject),
		i18n.T("deactivate service-specific credential %s of %s", id, c.Subject),
		i18n.T("reactivated service-specific credential %s of %s", id, c.Subject),
		i18n.T("reactivate service-specific credential %s of %s", id, c.Subject))
}
