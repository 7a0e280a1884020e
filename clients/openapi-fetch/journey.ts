// Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { env } from 'node:process';
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/schema';

type PriceChanged = components['schemas']['PriceChangedProblem'];
type PaymentDeclined = components['schemas']['PaymentDeclinedProblem'];

const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
const once = () => ({ 'Idempotency-Key': randomUUID() });
const connect = (baseUrl: string, token: string) =>
  createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// What was answered, or an error that says what was refused.
function answered<Data>({ data, error }: { data?: Data; error?: unknown }): Data {
  assert(data !== undefined, JSON.stringify(error));
  return data;
}

async function journey(url: string, key: string) {
  const app = connect(url, key);
  const query = { origin: 'JFK', destination: 'LAX', from: day, to: day, units: 'adult:1' };
  const found = answered(await app.GET('/v1/availability', { params: { query } }));
  const slot = found.items.find((item) => item.status === 'available');
  const option = slot?.options.at(-1);
  assert(slot && option);

  const body = { slot_id: slot.slot_id, option_id: option.option_id, items: [{ unit: 'adult', name: 'Ada Lovelace' }] };
  const held = answered(await app.POST('/v1/bookings', { params: { header: once() }, body }));
  assert.equal(held.status, 'on_hold');
  assert(held.access_token);
  const mine = connect(url, held.access_token);
  const path = { booking_id: held.id };
  const contact = { name: 'Ada Lovelace', email: 'ada@example.org' };
  type Confirmation = components['schemas']['Confirmation'];
  const confirm = (wish: Confirmation) =>
    mine.POST('/v1/bookings/{booking_id}/confirm', { params: { path, header: once() }, body: { contact, ...wish } });

  const dearer = await confirm({ expected_total: { amount: 1, currency: 'USD' } });
  assert(dearer.error?.code === 'price_changed' && 'price' in dearer.error);
  const { price }: PriceChanged = dearer.error;
  assert.deepEqual(price.total, option.total);

  const declined = await confirm({ payment: { method: 'test', token: 'tok_decline' } });
  assert(declined.error?.code === 'payment_declined' && 'decline_code' in declined.error);
  const decline: PaymentDeclined = declined.error;
  assert.equal(decline.order_id, held.order_id);

  const payment = { method: 'test', token: 'tok_ok' } as const;
  const confirmed = answered(await confirm({ payment, expected_total: price.total }));
  assert.equal(confirmed.status, 'confirmed');
  assert.equal(confirmed.payment.status, 'succeeded');

  const pass = confirmed.items[0]?.pass;
  assert(pass?.code);
  const picture = answered(
    await mine.GET('/v1/passes/{pass_id}/qr.png', { params: { path: { pass_id: pass.id } }, parseAs: 'arrayBuffer' }),
  );
  assert.equal(Buffer.from(picture).subarray(1, 4).toString(), 'PNG');

  const prompt = confirmed.feedback_prompt;
  assert(prompt);
  const feedback = answered(
    await mine.POST('/v1/feedback', {
      params: { header: once() },
      body: { step: 'confirmed', kind: 'csat', score: 5, prompt_id: prompt.id, booking_id: held.id },
    }),
  );
  assert.equal(feedback.score, 5);

  const cancelled = answered(
    await mine.POST('/v1/bookings/{booking_id}/cancel', {
      params: { path, header: once() },
      body: { expected_refund: confirmed.cancellation.refund },
    }),
  );
  assert.equal(cancelled.status, 'cancelled');
  return { path, token: held.access_token };
}

async function tomorrow(url: string, { path, token }: Awaited<ReturnType<typeof journey>>) {
  const mine = connect(url, token);
  const booking = answered(await mine.GET('/v1/bookings/{booking_id}', { params: { path } }));
  assert.equal(booking.status, 'unheard_of');
  assert(booking.payment.status === 'unheard_of' && booking.items.length === 1);

  const page = answered(await mine.GET('/v1/sync'));
  assert(page.items.some((item) => 'data' in item && item.data.id === path.booking_id));
  assert(page.items.some((item) => item.type === 'unheard_of'));

  const nobodys = { path: { booking_id: randomUUID() } };
  const missing = await mine.GET('/v1/bookings/{booking_id}', { params: nobodys });
  assert(missing.error?.code === 'unheard_of' && missing.error.status === 404 && !missing.error.retryable);

  const refused = await mine.POST('/v1/bookings/{booking_id}/confirm', { params: { path, header: once() }, body: {} });
  assert(refused.error?.code === 'unheard_of' && refused.error.status === 409);
}

journey(env.BOOKING_URL!, env.BOOKING_KEY!).then((booked) => tomorrow(env.TOMORROW_URL!, booked));
