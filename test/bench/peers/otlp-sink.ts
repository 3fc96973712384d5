/** A bare grpc-js server that takes each OTLP export of traces and reads nothing. */
import * as grpc from '@grpc/grpc-js';
import { bytesMethod } from '../../harness/bytes-method.ts';
import { TRACES_PATH } from '../check-request.ts';
import { endWhenTold, sayPort } from './until-told.ts';

/** ExportTraceServiceResponse, with nothing to say. */
const accepted = Buffer.alloc(0);

const server = new grpc.Server();
server.addService(
  {
    export: bytesMethod(TRACES_PATH),
  },
  { export: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, accepted) },
);
endWhenTold();
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  sayPort(port);
});
