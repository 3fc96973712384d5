/**
 * A bare grpc-js server: reads nothing, and gives the same bytes to everybody. What the transport alone costs. With
 * `--verify` it verifies one ES256 signature, always the same, with `node:crypto` before each answer: what nobody who
 * verifies can go below.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { bytesMethod } from '../../harness/bytes-method.ts';
import { CHECK_PATH } from '../check-request.ts';
import { allowed } from './answers.ts';
import { endWhenTold, sayPort } from './until-told.ts';

const answer = allowed();

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
const signed = Buffer.alloc(400, 'x');
const signature = sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' });

const echo: grpc.handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(null, answer);
const echoVerified: grpc.handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
  if (verify('sha256', signed, key, signature)) callback(null, answer);
};

const server = new grpc.Server();
server.addService(
  {
    check: bytesMethod(CHECK_PATH),
  },
  { check: process.argv.includes('--verify') ? echoVerified : echo },
);
endWhenTold();
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  sayPort(port);
});
