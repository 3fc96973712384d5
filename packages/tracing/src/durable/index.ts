export { Spool } from './spool/spool.ts';
