// Command go-ext-authz is the peer that spanpass is measured beside: Envoy's ext_authz service as a Go team would
// write it, with grpc-go, go-control-plane and golang-jwt. It is not part of spanpass.
//
//	echo    allows everything: what the transport alone costs
//	cached  verifies a JWT once and remembers it until it expires
//	jwt     verifies a JWT on each check
//	pipecd  compares a static key with its bcrypt hash on each check, as PipeCD does
//
// It reads a JWK set with one key and, for pipecd, makes its own static key, which it prints.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

type decide func(authorization string) (project, piped string, err error)

type service struct {
	auth.UnimplementedAuthorizationServer
	decide decide
}

func (s *service) Check(_ context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	authorization := request.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"]
	project, piped, err := s.decide(authorization)
	if err != nil {
		return &auth.CheckResponse{
			Status: &status.Status{Code: int32(codes.Unauthenticated), Message: err.Error()},
		}, nil
	}
	stamp := func(key, value string) *core.HeaderValueOption {
		return &core.HeaderValueOption{
			Header:       &core.HeaderValue{Key: key, Value: value},
			AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return &auth.CheckResponse{
		Status: &status.Status{},
		HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{
			Headers:         []*core.HeaderValueOption{stamp("x-spanpass-project", project), stamp("x-spanpass-piped", piped)},
			HeadersToRemove: []string{"authorization"},
		}},
	}, nil
}

func verifier(key crypto.PublicKey, audience string) decide {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	return func(authorization string) (string, string, error) {
		token, found := strings.CutPrefix(authorization, "Bearer ")
		if !found {
			return "", "", errors.New("no bearer token")
		}
		claims := jwt.MapClaims{}
		if _, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			return "", "", err
		}
		project, _ := claims["project"].(string)
		piped, _ := claims["sub"].(string)
		return project, piped, nil
	}
}

type decision struct {
	project, piped string
	until          time.Time
}

func remembering(verify decide) decide {
	var known sync.Map
	return func(authorization string) (string, string, error) {
		if hit, ok := known.Load(authorization); ok {
			if d := hit.(decision); time.Now().Before(d.until) {
				return d.project, d.piped, nil
			}
		}
		project, piped, err := verify(authorization)
		if err == nil {
			known.Store(authorization, decision{project, piped, time.Now().Add(5 * time.Minute)})
		}
		return project, piped, err
	}
}

func staticKey(secret string) decide {
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.DefaultCost)
	if err != nil {
		log.Fatal(err)
	}
	return func(authorization string) (string, string, error) {
		value, found := strings.CutPrefix(authorization, "Bearer ")
		parts := strings.Split(value, ",")
		if !found || len(parts) != 3 {
			return "", "", errors.New("not project,piped,key")
		}
		return parts[0], parts[1], bcrypt.CompareHashAndPassword(hash, []byte(parts[2]))
	}
}

func readKey(path string) (*ecdsa.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var jwk struct{ X, Y string }
	if err := json.Unmarshal(text, &jwk); err != nil {
		return nil, err
	}
	number := func(encoded string) *big.Int {
		bytes, decodeErr := base64.RawURLEncoding.DecodeString(encoded)
		err = errors.Join(err, decodeErr)
		return new(big.Int).SetBytes(bytes)
	}
	key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(jwk.X), Y: number(jwk.Y)}
	return key, err
}

func main() {
	mode := flag.String("mode", "cached", "echo, cached, jwt or pipecd")
	keyFile := flag.String("key", "", "file with the public key as a JWK (P-256), for cached and jwt")
	secret := flag.String("secret", "", "the static key, for pipecd")
	audience := flag.String("audience", "spanpass-gateway", "the aud to expect")
	flag.Parse()

	var chosen decide
	switch *mode {
	case "echo":
		chosen = func(string) (string, string, error) { return "shop", "edge-1", nil }
	case "cached", "jwt":
		key, err := readKey(*keyFile)
		if err != nil {
			log.Fatal(err)
		}
		chosen = verifier(key, *audience)
		if *mode == "cached" {
			chosen = remembering(chosen)
		}
	case "pipecd":
		chosen = staticKey(*secret)
	default:
		log.Fatalf("unknown mode %q", *mode)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	auth.RegisterAuthorizationServer(server, &service{decide: chosen})
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(listener))
}
