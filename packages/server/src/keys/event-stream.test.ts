import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventStreamError, type EventStreamLimits, EventStreamParser } from './event-stream.ts';

function parse(text: string | Buffer, limits?: EventStreamLimits) {
  return new EventStreamParser(limits).push(Buffer.from(text));
}

describe('EventStreamParser', () => {
  it('reads events, their types and the last id', () => {
    expect(parse('event: change\nid: 7\ndata: {"a":1}\n\ndata: x\n\n')).toEqual([
      { type: 'change', data: '{"a":1}', lastEventId: '7' },
      { type: 'message', data: 'x', lastEventId: '7' },
    ]);
  });

  it.each(['\n', '\r\n', '\r'])('takes %j for the end of a line', end => {
    expect(parse(['event: a', 'data: 1', 'data:2', 'data', '', ''].join(end))).toEqual([
      { type: 'a', data: '1\n2\n', lastEventId: '' },
    ]);
  });

  it('ignores comments, unknown fields, a byte order mark, and events without data', () => {
    const [event, ...more] = parse('\uFEFFevent: a\n: comment\nretry: 5\nother: x\ndata: 1\n\nevent: b\nid: 3\n\n\n');
    expect(event).toMatchObject({ type: 'a', data: '1' });
    expect(more).toEqual([]);
  });

  it('takes one space after the colon away, and no more', () => {
    expect(parse('data:  a \n\n')[0]?.data).toBe(' a ');
  });

  it('ignores an id with a null character', () => {
    expect(parse('id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n')[1]?.lastEventId).toBe('1');
  });

  it('hands nothing on before the empty line', () => {
    const parser = new EventStreamParser();
    expect(parser.push(Buffer.from('data: a\n'))).toEqual([]);
    expect(parser.push(Buffer.from('\n'))).toHaveLength(1);
  });

  it('bounds lines and events', () => {
    expect(() => parse('a'.repeat(11), { maxLineBytes: 10 })).toThrow(EventStreamError);
    expect(() => parse(`${'a'.repeat(11)}\n`, { maxLineBytes: 10 })).toThrow('a line is too long');
    expect(parse('data: abcd\n\n', { maxLineBytes: 10 })).toHaveLength(1);
    expect(() => parse('data: abcd\ndata: efgh\n', { maxDataLength: 8 })).toThrow('an event is too large');
    const parser = new EventStreamParser({ maxLineBytes: 10 });
    parser.push(Buffer.from('aaaaaaaa'));
    expect(() => parser.push(Buffer.from('aaa'))).toThrow(EventStreamError);
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parse(Buffer.from([0x64, 0xff, 0x0a]))).toThrow('a line is not UTF-8');
  });

  it('reads the same wherever the bytes are cut', () => {
    const line = fc.constantFrom('event: a', 'id: 4', 'data: ä€😀', 'data', ': c', '', '', 'data: {"x": 1}');
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200)), (lines, cuts) => {
        const bytes = Buffer.from(lines.flat().join(''));
        const whole = new EventStreamParser().push(bytes);
        const parser = new EventStreamParser();
        const ends = [...cuts.filter(cut => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const parts = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        expect(parts.flatMap(part => parser.push(part))).toEqual(whole);
      }),
    );
  });
});
