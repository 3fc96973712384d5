import { LRUCache } from 'lru-cache';
import type { Owner, Principal } from '../contract.ts';
import { CheckResponse, type HeaderValueOption, type Struct } from '../generated/ext_authz.ts';
import { identityHeaders } from '../identity.ts';
import { grpcRetryHeaders, refusalHeaders } from '../refusal-headers.ts';
import type { AuthenticationError } from '../refusals.ts';
import { packed } from './packed.ts';

/** HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD */
const OVERWRITE = 2;

/** Encoded answers, made once for each owner and outcome: all credentials of a key have the same, and it is all that is said. */
export interface Answers {
  allow(principal: Principal): Buffer;
  /** @param forGrpc whether the one who is refused speaks gRPC */
  refuse(error: AuthenticationError, forGrpc: boolean): Buffer;
}

/** Owners whose allow is kept, some 500 bytes each. */
const MAX_OWNERS = 65_536;

export function createAnswers(): Answers {
  const allowed = new LRUCache<string, { readonly owner: Owner; readonly answer: Buffer }>({ max: MAX_OWNERS });
  const refusedOwners = new WeakMap<Owner, Map<string, Buffer>>();
  const refusedAnybody = new Map<string, Buffer>();

  const refusedOf = (owner: Owner | undefined) => {
    if (owner === undefined) return refusedAnybody;
    const known = refusedOwners.get(owner) ?? new Map<string, Buffer>();
    refusedOwners.set(owner, known);
    return known;
  };

  return {
    allow(principal) {
      const { project, piped, credentialId } = principal;
      const known = allowed.get(credentialId);
      if (known?.owner.project === project && known.owner.piped === piped) return known.answer;
      const answer = encodeAllow(principal);
      allowed.set(credentialId, { owner: { project, piped, credentialId }, answer });
      return answer;
    },
    refuse(error, forGrpc) {
      const answers = refusedOf(error.owner);
      const key = forGrpc ? `grpc ${error.code}` : error.code;
      let answer = answers.get(key);
      if (answer === undefined) {
        answer = encodeRefusal(error, forGrpc);
        answers.set(key, answer);
      }
      return answer;
    },
  };
}

/**
 * Envoy takes an empty answer, and one without headers, for an allow: so an allow is never mistaken for anything else,
 * since the gateway behind it demands the identity headers.
 */
function encodeAllow(principal: Principal): Buffer {
  return encode({
    status: { code: 0, message: '' },
    okResponse: { headers: overwrite(identityHeaders(principal)), headersToRemove: ['authorization'] },
    deniedResponse: undefined,
    dynamicMetadata: struct(metadataOf(principal)),
  });
}

/** Without `denied_response` and its status, Envoy would answer PERMISSION_DENIED whatever the reason. */
function encodeRefusal(error: AuthenticationError, forGrpc: boolean): Buffer {
  const { refusal, code, owner } = error;
  const headers = { ...refusalHeaders(refusal), ...(forGrpc && grpcRetryHeaders(refusal)) };
  return encode({
    status: { code: refusal.grpcStatus, message: refusal.message },
    okResponse: undefined,
    deniedResponse: {
      status: { code: refusal.httpStatus },
      headers: overwrite(headers),
      body: refusal.message,
    },
    dynamicMetadata: struct({ reason: code, ...(owner && metadataOf(owner)) }),
  });
}

function metadataOf({ project, piped, credentialId }: Owner): Record<string, string> {
  return { project, piped, kid: credentialId };
}

function encode(response: CheckResponse): Buffer {
  return packed(CheckResponse.encode(response).finish());
}

function overwrite(headers: Record<string, string>): HeaderValueOption[] {
  return Object.entries(headers).map(([key, value]) => ({
    header: { key, value, rawValue: Buffer.alloc(0) },
    appendAction: OVERWRITE,
  }));
}

function struct(texts: Record<string, string>): Struct {
  return {
    fields: Object.fromEntries(Object.entries(texts).map(([name, stringValue]) => [name, { stringValue }])),
  };
}
