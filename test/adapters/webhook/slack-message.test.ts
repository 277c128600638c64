import { describe, expect, test } from 'vitest';
import { slackMessage } from '../../../src/adapters/webhook/slack-message.ts';
import { notificationTypes } from '../../../src/domain/notifications.ts';
import { newMessage } from '../../support/messages.ts';

type Text = { type: string; text: string };
type Slack = { text: string; mrkdwn: boolean; blocks: { text?: Text; elements?: Text[] }[] };
const slack = (...message: Parameters<typeof newMessage>): Slack => slackMessage(newMessage(...message)) as Slack;
const textsOf = ({ text, blocks }: Slack): string[] => [
  text,
  ...blocks.flatMap((block) => [block.text, ...(block.elements ?? [])].flatMap((it) => (it ? [it.text] : []))),
];

test('says what happened, who did it, and to which ticket and applications it belongs', () => {
  expect(slack({ message: 'approved, 1 of 1', username: 'carol', status: 'APPROVED' }, 'ticket.approved')).toEqual({
    text: 'Ticket approved: carol: approved, 1 of 1 | ticket a1b2c3d4 (APPROVED) of alice for web, api',
    mrkdwn: false,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: 'Ticket approved', emoji: false } },
      { type: 'section', text: { type: 'plain_text', text: 'carol: approved, 1 of 1', emoji: false } },
      {
        type: 'context',
        elements: [{ type: 'plain_text', text: 'ticket a1b2c3d4 (APPROVED) of alice for web, api', emoji: false }],
      },
    ],
  });
});

test('says of whatever a ticket does after a broken glass that it has no approval', () => {
  for (const type of notificationTypes) expect(slack({ breakGlass: true }, type).text).toContain(', without approval)');
  expect(slack({ breakGlass: false }).text).not.toContain('without approval');
});

test('has a heading of its own for each type', () => {
  const headings = notificationTypes.map((type) => slack({}, type).blocks[0]!.text!.text);
  expect(new Set(headings).size).toBe(notificationTypes.length);
  expect(Math.max(...headings.map((heading) => heading.length))).toBeLessThan(150);
});

describe('what people write is shown as it stands', () => {
  const places = ['message', 'username', 'requester'] as const;
  test.for(places)('in %s: &, < and > are escaped, so that nothing becomes a mention or a link', (place) => {
    const texts = textsOf(slack({ [place]: '<!here> <@U024BE7LH> <https://evil.test|here> a && b &lt;!here&gt;' }));
    for (const text of texts) expect(text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
    expect(texts.join('\n')).toContain('&lt;!here&gt;');
    expect(texts.join('\n')).toContain('a &amp;&amp; b &amp;lt;!here&amp;gt;');
  });

  test.for(places)('in %s: no receiver that looks for mentions in plain text finds one', (place) => {
    for (const text of textsOf(slack({ [place]: '@here @channel @everyone @carol' }))) expect(text).not.toMatch(/@\w/);
  });

  test('in one line, without control characters: nobody writes a line of their own', () => {
    const texts = textsOf(slack({ message: 'a\r\nTicket approved\u0000\u001b[31m\u2028b' }));
    expect(texts[1]).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(texts.find((text) => text.startsWith('alice: '))).toBe('alice: a Ticket approved [31m b');
  });

  test('unformatted', () => {
    const { mrkdwn, blocks } = slack({ message: '*bold* `code`' });
    expect(mrkdwn).toBe(false);
    for (const block of blocks) expect((block.text ?? block.elements![0]!).type).toBe('plain_text');
  });

  test('shortened where it is long, within what Slack takes and never in the middle of a character', () => {
    for (const character of ['<', '😀', '@']) {
      for (const text of textsOf(slack({ message: character.repeat(5_000) }))) {
        expect(text.length).toBeLessThan(3_000);
        expect(text.isWellFormed()).toBe(true);
      }
    }
  });
});
