import { expect, test } from 'vitest';
import { ticketMarkdown, timelineLine } from '../../src/domain/ticket-texts.ts';

const tags = (text: string) =>
  text.split(',').map((tag) => ({ tagKey: tag.split(':')[0]!, tagValue: tag.split(':')[1]! }));

test("a ticket's applications are the guide's table, as the guide prints it", () => {
  const entries = [
    { applicationName: 'web-service', businessTags: tags('env:production,team:backend,version:v2.1.0,critical:true') },
    {
      applicationName: 'api-gateway',
      businessTags: tags('env:staging,team:platform,version:v1.5.2,loadbalancer:nginx'),
    },
    { applicationName: 'data-processor', businessTags: tags('env:production,team:data,version:v3.0.1,schedule:cron') },
  ];
  expect(ticketMarkdown(entries)).toBe(
    `
| Application Name | Tags |
| --- | --- |
| web-service | env:production,team:backend,version:v2.1.0,critical:true |
| api-gateway | env:staging,team:platform,version:v1.5.2,loadbalancer:nginx |
| data-processor | env:production,team:data,version:v3.0.1,schedule:cron |
`.trim(),
  );
});

test.each([
  ['a bar', 'a|b', String.raw`note:a\|b`],
  ['a bar after a backslash', String.raw`a\|b`, String.raw`note:a\\\|b`],
  ['a line break', 'a\nb\r\n | c | d |', String.raw`note:a b \| c \| d \|`],
  ['HTML', '<img src=x>', String.raw`note:\<img src=x\>`],
  ['a link', '[here](http://x)', String.raw`note:\[here\](http://x)`],
  ['emphasis and code', '*a* _b_ `c`', 'note:\\*a\\* \\_b\\_ \\`c\\`'],
])('%s in a tag stays in its cell, as text', (_, tagValue, cell) => {
  const lines = ticketMarkdown([{ applicationName: 'web', businessTags: [{ tagKey: 'note', tagValue }] }]).split('\n');
  expect(lines.slice(2)).toEqual([`| web | ${cell} |`]);
});

test('an application without tags has an empty cell', () => {
  expect(ticketMarkdown([{ applicationName: 'web', businessTags: [] }]).split('\n')[2]).toBe('| web |  |');
});

test('a step is one line, whoever wrote how many: when, who, what', () => {
  const at = new Date('2026-01-01T03:04:05.678Z');
  expect(timelineLine({ at, username: 'alice', message: 'asked for it: slow\n\n since  3:00\r\nbob' })).toBe(
    '2026-01-01T03:04:05.678Z alice: asked for it: slow since  3:00 bob',
  );
  expect(timelineLine({ at, username: null, message: 'expired' })).toBe(
    '2026-01-01T03:04:05.678Z the service: expired',
  );
});

test('a broken glass stands below the table, as text, with its review', () => {
  const glass = {
    username: 'alice',
    breakGlassAt: new Date('2026-01-01T03:04:05.678Z'),
    breakGlassReason: 'nobody answers\n| not even *carol*',
    reviewedAt: null,
    reviewedBy: null,
    reviewComment: null,
  };
  const below = (ticket: typeof glass | object) =>
    ticketMarkdown([{ applicationName: 'web', businessTags: [] }], { ...glass, ...ticket })
      .split('\n')
      .slice(3);
  const act =
    '**Break-glass**: alice took the tokens without approval at 2026-01-01T03:04:05.678Z: nobody answers \\| not even \\*carol\\*';
  expect(below({})).toEqual(['', act, '', 'The review is open.']);
  const review = { reviewedAt: new Date('2026-01-02T03:04:05.678Z'), reviewedBy: 'carol', reviewComment: 'fine' };
  expect(below(review)).toEqual(['', act, '', 'Reviewed by carol at 2026-01-02T03:04:05.678Z: fine']);
  expect(below({ breakGlassAt: null })).toEqual([]);
});
