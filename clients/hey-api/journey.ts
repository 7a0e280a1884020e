// Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { env } from 'node:process';
import { createClient } from './generated/client';
import * as api from './generated';

const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
const once = () => ({ 'Idempotency-Key': randomUUID() });
const connect = (baseUrl: string, auth: string) => createClient({ baseUrl, auth });

async function journey(url: string, key: string) {
  const app = connect(url, key);
  const found = await api.searchAvailability({
    client: app,
    query: { origin: 'JFK', destination: 'LAX', from: day, to: day, units: 'adult:1' },
    throwOnError: true,
  });
  const slot = found.data.items.find((item) => item.status === 'available');
  const option = slot?.options.at(-1);
  assert(slot && option);

  const held = await api.createBooking({
    client: app,
    headers: once(),
    body: { slot_id: slot.slot_id, option_id: option.option_id, items: [{ unit: 'adult', name: 'Ada Lovelace' }] },
    throwOnError: true,
  });
  assert.equal(held.data.status, 'on_hold');
  assert(held.data.access_token);
  const mine = connect(url, held.data.access_token);
  const path = { booking_id: held.data.id };
  const contact = { name: 'Ada Lovelace', email: 'ada@example.org' };

  const dearer = await api.confirmBooking({
    client: mine,
    path,
    headers: once(),
    body: { contact, expected_total: { amount: 1, currency: 'USD' } },
  });
  assert(dearer.error && 'code' in dearer.error && dearer.error.code === 'price_changed' && 'price' in dearer.error);
  assert.deepEqual(dearer.error.price.total, option.total);

  const declined = await api.confirmBooking({
    client: mine,
    path,
    headers: once(),
    body: { contact, payment: { method: 'test', token: 'tok_decline' } },
  });
  assert(declined.error?.code === 'payment_declined' && 'decline_code' in declined.error);
  assert.equal(declined.error.order_id, held.data.order_id);

  const confirmed = await api.confirmBooking({
    client: mine,
    path,
    headers: once(),
    body: { contact, payment: { method: 'test', token: 'tok_ok' }, expected_total: dearer.error.price.total },
    throwOnError: true,
  });
  assert.equal(confirmed.data.status, 'confirmed');
  assert.equal(confirmed.data.payment.status, 'succeeded');

  const pass = confirmed.data.items[0]?.pass;
  assert(pass?.code);
  const picture = await api.getPassPng({ client: mine, path: { pass_id: pass.id }, throwOnError: true });
  assert.equal(Buffer.from(await picture.data.arrayBuffer()).subarray(1, 4).toString(), 'PNG');

  const prompt = confirmed.data.feedback_prompt;
  assert(prompt);
  const feedback = await api.giveFeedback({
    client: mine,
    headers: once(),
    body: { step: 'confirmed', kind: 'csat', score: 5, prompt_id: prompt.id, booking_id: path.booking_id },
    throwOnError: true,
  });
  assert.equal(feedback.data.score, 5);

  const cancelled = await api.cancelBooking({
    client: mine,
    path,
    headers: once(),
    body: { expected_refund: confirmed.data.cancellation.refund },
    throwOnError: true,
  });
  assert.equal(cancelled.data.status, 'cancelled');
  return { path, token: held.data.access_token };
}

async function tomorrow(url: string, { path, token }: Awaited<ReturnType<typeof journey>>) {
  const mine = connect(url, token);
  const booking = await api.getBooking({ client: mine, path, throwOnError: true });
  assert.equal(booking.data.status, 'unheard_of');
  assert(booking.data.payment.status === 'unheard_of' && booking.data.items.length === 1);

  const { data: page } = await api.syncChanges({ client: mine, throwOnError: true });
  assert(page.items.some((item) => 'data' in item && item.data.id === path.booking_id));
  assert(page.items.some((item) => item.type === 'unheard_of'));

  const missing = await api.getBooking({ client: mine, path: { booking_id: randomUUID() } });
  assert(missing.error?.code === 'unheard_of' && missing.error.status === 404 && !missing.error.retryable);

  const refused = await api.confirmBooking({ client: mine, path, headers: once(), body: {} });
  assert(refused.error?.code === 'unheard_of' && refused.error.status === 409);
}

journey(env.BOOKING_URL!, env.BOOKING_KEY!).then((booked) => tomorrow(env.TOMORROW_URL!, booked));
