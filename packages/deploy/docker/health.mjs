// Ends with 0 if what runs in this container is ready. A certificate is not judged: it is asked of itself, on loopback.
import http from 'node:http';
import https from 'node:https';

const url = new URL(process.env.HEALTH_URL ?? 'http://127.0.0.1:9464/readyz');
const { get } = url.protocol === 'https:' ? https : http;
get(url, { rejectUnauthorized: false, timeout: 2000 }, response => {
  process.exit(response.statusCode === 200 ? 0 : 1);
})
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
