import type { Message, NotificationType } from '../../domain/notifications.ts';

const headings: Readonly<Record<NotificationType, string>> = {
  'ticket.created': 'Emergency redeploy asked for',
  'ticket.approved': 'Ticket approved',
  'ticket.break_glass': 'Glass broken: redeploy without approval',
  'ticket.reviewed': 'Broken glass reviewed',
  'ticket.rejected': 'Ticket rejected',
  'ticket.cancelled': 'Ticket cancelled',
  'ticket.expired': 'Ticket expired',
  'ticket.failed': 'Ticket failed',
  'token.revoked': 'Token revoked',
  'token.expiring': 'Token about to expire',
  'operation.started': 'Redeploy started',
  'operation.completed': 'Redeploy completed',
  'operation.failed': 'Redeploy failed',
  'operation.timed_out': 'Redeploy timed out',
  'operation.superseded': 'Redeploy superseded',
  'operation.late_success': 'Redeploy came up after all',
};

/** For Slack's incoming webhooks and those that understand the same; `text` is what the simpler ones show. */
export function slackMessage({ type, data, applications }: Message): object {
  const { ticketNo, status, requester, breakGlass, username, message } = data;
  const heading = headings[type];
  const said = username === null ? message : `${username}: ${message}`;
  const context = `ticket ${ticketNo} (${status}${breakGlass ? ', without approval' : ''}) of ${requester} for ${applications.join(', ')}`;
  return {
    text: `${heading}: ${literal(said)} | ${literal(context)}`,
    mrkdwn: false,
    blocks: [
      { type: 'header', text: plain(heading) },
      { type: 'section', text: plain(literal(said)) },
      { type: 'context', elements: [plain(literal(context))] },
    ],
  };
}

const plain = (text: string) => ({ type: 'plain_text', text, emoji: false });

/** Slack takes at most 3,000 characters, of which escaping makes more. */
const longest = 500;

/**
 * Shows what people wrote and nothing else: escaped by Slack's rules, in one line, and no `@here` for receivers that
 * look for it in plain text (Mattermost, Discord), where the word joiner keeps it from being one.
 */
function literal(text: string): string {
  const characters = Array.from(text.replace(/[\s\p{Cc}]+/gu, ' '));
  const short = characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : characters.join('');
  return short.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('@', '@\u{2060}');
}
