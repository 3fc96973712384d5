package pass

import (
	"context"
	"errors"
	"net/url"
	"os"
	"sync"
	"time"
)

// Source hands out credentials for a gateway: it is a credentials.PerRPCCredentials of gRPC, to be given to an exporter.
// A credential is signed anew when a third of its life remains, or when the key file was replaced. There is no timer, so a
// suspended machine can't leave an old one in use.
type Source struct {
	path   string
	life   time.Duration
	secure bool

	mutex     sync.Mutex
	token     string
	refreshAt time.Time
	lookedAt  time.Time
	version   time.Time
}

// NewSource is for one endpoint, the URL of a gateway; over plaintext it must be on this machine.
func NewSource(path, endpoint string, life time.Duration) (*Source, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	return &Source{path: path, life: life, secure: target.Scheme == "https"}, Confidential(endpoint)
}

// GetRequestMetadata is called by gRPC for each request.
func (source *Source) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := source.Credential(time.Now())
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity lets gRPC refuse a channel in the clear.
func (source *Source) RequireTransportSecurity() bool { return source.secure }

// Credential is good for a third of its life at least.
func (source *Source) Credential(now time.Time) (string, error) {
	source.mutex.Lock()
	defer source.mutex.Unlock()
	if source.token != "" && now.Before(source.refreshAt) && !source.replaced(now) {
		return source.token, nil
	}
	info, err := os.Stat(source.path)
	if err != nil {
		return "", err
	}
	file, key, err := ReadKeyFile(source.path)
	if err != nil {
		return "", err
	}
	if now.Unix() >= file.NotAfter {
		return "", errors.New("the key has expired: enroll anew")
	}
	token, err := key.Credential(file.Project, file.Piped, "gateway", file.Audience, "", source.life, now)
	if err != nil {
		return "", err
	}
	source.token, source.version = token, info.ModTime()
	source.refreshAt = now.Add(source.life * 2 / 3)
	return token, nil
}

// replaced looks at the key file once a second at most.
func (source *Source) replaced(now time.Time) bool {
	if now.Sub(source.lookedAt) < time.Second {
		return false
	}
	source.lookedAt = now
	info, err := os.Stat(source.path)
	return err == nil && !info.ModTime().Equal(source.version)
}
