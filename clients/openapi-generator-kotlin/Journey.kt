// Books, is declined, pays, carries the pass, says how it went and cancels. Then reads what a later server would answer.
import generated.apis.AvailabilityApi
import generated.apis.BookingsApi
import generated.apis.FeedbackApi
import generated.apis.PassesApi
import generated.infrastructure.ApiClient
import generated.infrastructure.ClientError
import generated.infrastructure.ClientException
import generated.infrastructure.Serializer
import generated.models.Cancellation
import generated.models.ConfirmBooking402Refusal
import generated.models.ConfirmBooking409Refusal
import generated.models.Confirmation
import generated.models.ContactInput
import generated.models.Money
import generated.models.NewBooking
import generated.models.NewFeedback
import generated.models.NewItem
import generated.models.NewPayment
import generated.models.NotFoundRefusal
import generated.models.SyncItem
import java.time.LocalDate
import java.util.UUID

val contact = ContactInput(name = "Ada Lovelace", email = "ada@example.org")

fun once() = UUID.randomUUID().toString()

fun <Api : ApiClient> Api.with(token: String): Api = apply { accessTokenProvider = { token } }

/** What was refused, as the union of what is described for its status. */
inline fun <reified Refusal> refusal(call: () -> Unit): Refusal {
    try {
        call()
    } catch (refused: ClientException) {
        val body = (refused.response as ClientError<*>).body as String
        return Serializer.kotlinxSerializationJson.decodeFromString(body)
    }
    error("nothing was refused")
}

fun journey(url: String, key: String): Pair<UUID, String> {
    val day = LocalDate.now().plusDays(2)
    val found = AvailabilityApi(url).with(key)
        .searchAvailability(origin = "JFK", destination = "LAX", from = day, to = day, units = "adult:1")
    val slot = found.items.first { it.status == "available" }
    val option = slot.options.last()

    val wish = NewBooking(slot.slotId, option.optionId, listOf(NewItem(unit = "adult", name = "Ada Lovelace")))
    val held = BookingsApi(url).with(key).createBooking(wish, idempotencyKey = once())
    check(held.status == "on_hold")
    val token = checkNotNull(held.accessToken)
    val bookings = BookingsApi(url).with(token)
    fun confirm(wish: Confirmation) = bookings.confirmBooking(held.id, once(), confirmation = wish)

    val dearer = refusal<ConfirmBooking409Refusal> {
        confirm(Confirmation(contact = contact, expectedTotal = Money(1, "USD")))
    }
    check(dearer is ConfirmBooking409Refusal.PriceChangedProblemValue) { dearer }
    val price = dearer.value.price
    check(price.total == option.total)

    val declined = refusal<ConfirmBooking402Refusal> {
        confirm(Confirmation(contact = contact, payment = NewPayment(NewPayment.Method.test, token = "tok_decline")))
    }
    check(declined is ConfirmBooking402Refusal.PaymentDeclinedProblemValue) { declined }
    check(declined.value.orderId == held.orderId.toString())

    val payment = NewPayment(NewPayment.Method.test, token = "tok_ok")
    val confirmed = confirm(Confirmation(contact = contact, payment = payment, expectedTotal = price.total))
    check(confirmed.status == "confirmed" && confirmed.payment.status == "succeeded")

    val pass = checkNotNull(confirmed.items.first().pass)
    check(pass.validUntil > pass.validFrom)
    check(PassesApi(url).with(token).getPassPng(pass.id).readBytes().decodeToString(1, 4) == "PNG")

    val prompt = checkNotNull(confirmed.feedbackPrompt)
    val said = NewFeedback(
        NewFeedback.Step.confirmed, NewFeedback.Kind.csat, score = 5, promptId = prompt.id, bookingId = held.id,
    )
    check(FeedbackApi(url).with(token).giveFeedback(said, idempotencyKey = once()).score == 5)

    val agreed = Cancellation(expectedRefund = confirmed.cancellation.refund)
    check(bookings.cancelBooking(held.id, once(), cancellation = agreed).status == "cancelled")
    return held.id to token
}

fun tomorrow(url: String, id: UUID, token: String) {
    val bookings = BookingsApi(url).with(token)
    val booking = bookings.getBooking(id)
    check(booking.status == "unheard_of" && booking.payment.status == "unheard_of" && booking.items.size == 1)

    val items = bookings.syncChanges().items
    check(items.any { it is SyncItem.SyncedBookingValue && it.value.`data`.id == id })
    check(items.any { it is SyncItem.UnknownSyncItemValue && it.value.type == "unheard_of" })

    val missing = refusal<NotFoundRefusal> { bookings.getBooking(UUID.randomUUID()) }
    check(missing is NotFoundRefusal.ProblemValue && missing.value.code == "unheard_of" && !missing.value.retryable)

    val refused = refusal<ConfirmBooking409Refusal> { bookings.confirmBooking(id, once(), confirmation = Confirmation()) }
    check(refused is ConfirmBooking409Refusal.ProblemValue && refused.value.status == 409) { refused }
}

fun main() {
    // What isn't given isn't sent: null would mean something else.
    Serializer.kotlinxSerializationJsonConfiguration = { explicitNulls = false }
    val (id, token) = journey(System.getenv("BOOKING_URL"), System.getenv("BOOKING_KEY"))
    tomorrow(System.getenv("TOMORROW_URL"), id, token)
}
