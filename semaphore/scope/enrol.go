package scope

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	"github.com/perhuman/perhuman/semaphore"
)

// fieldOrder is r of BN254, the modulus of semaphore.Element.
const fieldOrder = "21888242871839275222246405745257275088548364400416034343698204186575808495617"

// EnrolMessage is what a person signs with the identity key to prove
// possession at enrolment: SHA-256("perhuman/enrol/1" || session nonce ||
// lp(issuer) || commitment), a big-endian integer reduced into the field.
func EnrolMessage(nonce [32]byte, issuer string, commitment semaphore.Element) semaphore.Element {
	return identityMessage(domainEnrol, nonce[:], issuer, commitment)
}

// RekeyMessage is what a person who recovers by a new capture signs with the new
// identity key, whose commitment it holds: EnrolMessage under
// "perhuman/rekey/1", so that an enrolment never works as a recovery.
func RekeyMessage(nonce [32]byte, issuer string, commitment semaphore.Element) semaphore.Element {
	return identityMessage(domainRekey, nonce[:], issuer, commitment)
}

// VetoMessage is what the holder of the old identity key signs to stop a
// recovery: SHA-256("perhuman/veto/1" || u64 entry || lp(issuer) || old
// commitment), reduced into the field. Entry is the number of the announcement
// in the issuer's log.
func VetoMessage(entry uint64, issuer string, old semaphore.Element) semaphore.Element {
	return identityMessage(domainVeto, binary.BigEndian.AppendUint64(nil, entry), issuer, old)
}

// DeleteMessage is what a person signs to leave a set: EnrolMessage under
// "perhuman/delete/1".
func DeleteMessage(nonce [32]byte, issuer string, commitment semaphore.Element) semaphore.Element {
	return identityMessage(domainDelete, nonce[:], issuer, commitment)
}

func identityMessage(domain string, once []byte, issuer string, commitment semaphore.Element) semaphore.Element {
	b := append([]byte(domain), once...)
	b = appendLP(b, issuer)
	b = append(b, commitment[:]...)
	sum := sha256.Sum256(b)
	r, _ := new(big.Int).SetString(fieldOrder, 10)
	var e semaphore.Element
	new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), r).FillBytes(e[:])
	return e
}

// Salt is the wallet's salt for a biometric commitment, HKDF-SHA256 of the
// identity key under the session nonce: the wallet can derive it again, a
// stolen issuer database cannot.
func Salt(identityKey []byte, nonce [32]byte) ([32]byte, error) {
	b, err := hkdf.Key(sha256.New, identityKey, nil, domainSalt+string(nonce[:]), 32)
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(b), nil
}

// BiometricCommitment is SHA-256("perhuman/biometric/1" || salt || body hash),
// with the SHA-256 of a capture envelope's body: it hides which capture made a
// person a member until the person opens it.
func BiometricCommitment(salt, bodyHash [32]byte) [32]byte {
	b := append([]byte(domainBiometric), salt[:]...)
	return sha256.Sum256(append(b, bodyHash[:]...))
}
