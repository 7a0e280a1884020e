// Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { env } from 'node:process';
import {
  AvailabilityApi,
  BookingsApi,
  Configuration,
  FeedbackApi,
  NewFeedbackKindEnum,
  NewFeedbackStepEnum,
  NewPaymentMethodEnum,
  PassesApi,
  PaymentDeclinedProblemCodeEnum,
  PaymentDeclinedProblemFromJSON,
  PriceChangedProblemCodeEnum,
  PriceChangedProblemFromJSON,
  type Problem,
  ProblemFromJSON,
  ResponseError,
} from './generated';

const day = new Date(Date.now() + 2 * 86_400_000);
const once = () => ({ idempotencyKey: randomUUID() });
const connect = (basePath: string, token: string) => new Configuration({ basePath, accessToken: token });

// The generated functions throw what was refused as it came; its code says what it is.
async function refusal(promise: Promise<unknown>): Promise<{ problem: Problem; json: unknown }> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof ResponseError, String(error));
    const json: unknown = await error.response.json();
    return { problem: ProblemFromJSON(json), json };
  }
  throw new assert.AssertionError({ message: 'nothing was refused' });
}

async function journey(url: string, key: string) {
  const app = connect(url, key);
  const query = { origin: 'JFK', destination: 'LAX', from: day, to: day, units: 'adult:1' };
  const found = await new AvailabilityApi(app).searchAvailability(query);
  const slot = found.items.find((item) => item.status === 'available');
  const option = slot?.options.at(-1);
  assert(slot && option);

  const held = await new BookingsApi(app).createBooking({
    ...once(),
    newBooking: { slotId: slot.slotId, optionId: option.optionId, items: [{ unit: 'adult', name: 'Ada Lovelace' }] },
  });
  assert.equal(held.status, 'on_hold');
  assert(held.accessToken);
  const mine = connect(url, held.accessToken);
  const bookings = new BookingsApi(mine);
  const bookingId = held.id;
  const contact = { name: 'Ada Lovelace', email: 'ada@example.org' };

  const dearer = await refusal(
    bookings.confirmBooking({
      ...once(),
      bookingId,
      confirmation: { contact, expectedTotal: { amount: 1, currency: 'USD' } },
    }),
  );
  assert.equal(dearer.problem.code, PriceChangedProblemCodeEnum.PriceChanged);
  const { price } = PriceChangedProblemFromJSON(dearer.json);
  assert.deepEqual(price.total, option.total);

  const declined = await refusal(
    bookings.confirmBooking({
      ...once(),
      bookingId,
      confirmation: { contact, payment: { method: NewPaymentMethodEnum.Test, token: 'tok_decline' } },
    }),
  );
  assert.equal(declined.problem.code, PaymentDeclinedProblemCodeEnum.PaymentDeclined);
  assert.equal(PaymentDeclinedProblemFromJSON(declined.json).orderId, held.orderId);

  const confirmed = await bookings.confirmBooking({
    ...once(),
    bookingId,
    confirmation: {
      contact,
      payment: { method: NewPaymentMethodEnum.Test, token: 'tok_ok' },
      expectedTotal: price.total,
    },
  });
  assert.equal(confirmed.status, 'confirmed');
  assert.equal(confirmed.payment.status, 'succeeded');

  const pass = confirmed.items[0]?.pass;
  assert(pass?.code && pass.validUntil > pass.validFrom);
  const picture = await new PassesApi(mine).getPassPng({ passId: pass.id });
  assert.equal(Buffer.from(await picture.arrayBuffer()).subarray(1, 4).toString(), 'PNG');

  const prompt = confirmed.feedbackPrompt;
  assert(prompt);
  const feedback = await new FeedbackApi(mine).giveFeedback({
    ...once(),
    newFeedback: {
      step: NewFeedbackStepEnum.Confirmed,
      kind: NewFeedbackKindEnum.Csat,
      score: 5,
      promptId: prompt.id,
      bookingId,
    },
  });
  assert.equal(feedback.score, 5);

  const cancelled = await bookings.cancelBooking({
    ...once(),
    bookingId,
    cancellation: { expectedRefund: confirmed.cancellation.refund },
  });
  assert.equal(cancelled.status, 'cancelled');
  return { bookingId, token: held.accessToken };
}

async function tomorrow(url: string, { bookingId, token }: Awaited<ReturnType<typeof journey>>) {
  const bookings = new BookingsApi(connect(url, token));
  const booking = await bookings.getBooking({ bookingId });
  assert.equal(booking.status, 'unheard_of');
  assert(booking.payment.status === 'unheard_of' && booking.items.length === 1);

  const { items } = await bookings.syncChanges();
  assert(items.some((item) => 'data' in item && item.data.id === bookingId));
  assert(items.some((item) => item.type === 'unheard_of'));

  const missing = await refusal(bookings.getBooking({ bookingId: randomUUID() }));
  assert(missing.problem.code === 'unheard_of' && missing.problem.status === 404 && !missing.problem.retryable);

  const refused = await refusal(bookings.confirmBooking({ ...once(), bookingId, confirmation: {} }));
  assert(refused.problem.code === 'unheard_of' && refused.problem.status === 409);
}

journey(env.BOOKING_URL!, env.BOOKING_KEY!).then((booked) => tomorrow(env.TOMORROW_URL!, booked));
