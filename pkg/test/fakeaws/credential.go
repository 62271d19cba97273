package fakeaws

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ListServiceSpecificCredentials lists those of a user, for one service if that is given.
func (c call) ListServiceSpecificCredentials(user *User, in *iam.ListServiceSpecificCredentialsInput) (any, error) {
	wanted := slices.DeleteFunc(slices.Clone(user.Services), func(key ServiceKey) bool {
		return in.ServiceName != nil && *in.ServiceName != key.Service
	})
	keys, next := page(c.Page, wanted, in.Marker, in.MaxItems)
	out := &iam.ListServiceSpecificCredentialsOutput{Marker: next, IsTruncated: next != nil}
	for _, key := range keys {
		created := key.Created
		if created.IsZero() {
			created = user.Created
		}
		listed := types.ServiceSpecificCredentialMetadata{
			UserName: in.UserName, ServiceSpecificCredentialId: new(key.ID), ServiceName: new(key.Service),
			Status: types.StatusType(key.Status), CreateDate: new(created),
		}
		if !key.Expires.IsZero() {
			listed.ExpirationDate = new(key.Expires)
		}
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, listed)
	}
	return out, nil
}

// UpdateServiceSpecificCredential switches a credential.
func (call) UpdateServiceSpecificCredential(user *User, in *iam.UpdateServiceSpecificCredentialInput) (any, error) {
	for i := range user.Services {
		if user.Services[i].ID == *in.ServiceSpecificCredentialId {
			user.Services[i].Status = string(in.Status)
			return &iam.UpdateServiceSpecificCredentialOutput{}, nil
		}
	}
	return nil, missing("No such credential %s exists", *in.ServiceSpecificCredentialId)
}

// ListSSHPublicKeys lists the SSH public keys of a user.
func (c call) ListSSHPublicKeys(user *User, in *iam.ListSSHPublicKeysInput) (any, error) {
	keys, next := page(c.Page, user.SSH, in.Marker, in.MaxItems)
	out := &iam.ListSSHPublicKeysOutput{Marker: next, IsTruncated: next != nil}
	for _, key := range keys {
		out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{
			UserName: in.UserName, SSHPublicKeyId: new(key.ID), Status: types.StatusType(key.Status),
			UploadDate: new(key.Created),
		})
	}
	return out, nil
}

// UpdateSSHPublicKey switches an SSH public key.
func (call) UpdateSSHPublicKey(user *User, in *iam.UpdateSSHPublicKeyInput) (any, error) {
	return &iam.UpdateSSHPublicKeyOutput{},
		setStatus(user.SSH, *in.SSHPublicKeyId, in.Status, "The Public Key with id %s cannot be found.")
}

// ListSigningCertificates lists the signing certificates of a user.
func (c call) ListSigningCertificates(user *User, in *iam.ListSigningCertificatesInput) (any, error) {
	some, next := page(c.Page, user.Signing, in.Marker, in.MaxItems)
	out := &iam.ListSigningCertificatesOutput{Marker: next, IsTruncated: next != nil}
	for _, certificate := range some {
		out.Certificates = append(out.Certificates, types.SigningCertificate{
			UserName: in.UserName, CertificateId: new(certificate.ID), Status: types.StatusType(certificate.Status),
			UploadDate: new(certificate.Created), CertificateBody: new("-----BEGIN CERTIFICATE-----"),
		})
	}
	return out, nil
}

// UpdateSigningCertificate switches a signing certificate.
func (call) UpdateSigningCertificate(user *User, in *iam.UpdateSigningCertificateInput) (any, error) {
	return &iam.UpdateSigningCertificateOutput{},
		setStatus(user.Signing, *in.CertificateId, in.Status, "The Certificate with id %s cannot be found.")
}

func setStatus(all []Uploaded, id string, status types.StatusType, message string) error {
	at := slices.IndexFunc(all, func(u Uploaded) bool { return u.ID == id })
	if at < 0 {
		return missing(message, id)
	}
	all[at].Status = cmp.Or(string(status), all[at].Status)
	return nil
}
