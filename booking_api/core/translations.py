"""Refusals in German. They are written in English where they are raised, and translated where they become an answer.

A sentence is found by its text, with `{}` where a value stands; the German one has the values in the same order, or by
their numbers. A contract test finds every sentence that the code can raise and asks for its German one here.
"""

import functools
import re
from typing import Final

TITLES: Final = {
    "A valid credential is needed": "Ein gültiger Zugang ist nötig",
    "An organisation keeps at least one owner": "Eine Organisation behält mindestens einen Inhaber",
    "Details are missing": "Es fehlen Angaben",
    "It was used at the gate already": "Es wurde am Einlass schon benutzt",
    "Money is on its way": "Das Geld ist unterwegs",
    "Somebody with this address works here already": "Mit dieser Adresse arbeitet hier schon jemand",
    "Something went wrong on our side": "Bei uns ist etwas schiefgegangen",
    "The amount is not the one you expected": "Der Betrag ist nicht der erwartete",
    "The credential has been revoked": "Der Zugang wurde widerrufen",
    "The hold has ended": "Die Reservierung ist abgelaufen",
    "The organisation has as many prompts as it may have": "Die Organisation hat so viele Fragen, wie sie haben darf",
    "The mail address is to be proven first": "Die Mailadresse ist zuerst zu bestätigen",
    "The payment was declined": "Die Zahlung wurde abgelehnt",
    "The URL is too long": "Die Adresse der Anfrage ist zu lang",
    "The request body did not come in time": "Der Inhalt der Anfrage kam nicht rechtzeitig",
    "The request has too many headers, or too large ones": "Die Anfrage hat zu viele oder zu große Kopfzeilen",
    "The request body is too large": "Der Inhalt der Anfrage ist zu groß",
    "The request body must be application/json": "Der Inhalt der Anfrage muss application/json sein",
    "The request contradicts the current state": "Die Anfrage widerspricht dem jetzigen Stand",
    "The request is not valid": "Die Anfrage ist nicht gültig",
    "The request is well-formed but can't be carried out": "Die Anfrage ist verständlich, kann aber nicht ausgeführt werden",
    "The resource has changed since you read it": "Die Daten haben sich seit dem Lesen geändert",
    "The same request is still being worked on": "Dieselbe Anfrage ist noch in Arbeit",
    "The scan was followed by another one": "Auf diesen Scan folgte ein weiterer",
    "The seat is taken": "Der Sitz ist vergeben",
    "The service can't answer right now": "Der Dienst kann gerade nicht antworten",
    "The token has expired": "Das Token ist abgelaufen",
    "The webhook isn't signed by the provider": "Der Webhook ist nicht vom Anbieter unterschrieben",
    "There are not enough places left": "Es sind nicht mehr genug Plätze frei",
    "There is no such thing here": "Das gibt es hier nicht",
    "This booking is part of an order of several": "Diese Buchung gehört zu einem Auftrag aus mehreren",
    "This can no longer be booked": "Das kann nicht mehr gebucht werden",
    "This can't be cancelled": "Das kann nicht storniert werden",
    "This credential may not do that": "Dieser Zugang darf das nicht",
    "The time or place is not the one that was agreed": "Zeit oder Ort sind nicht mehr die vereinbarten",
    "This can't be changed any more": "Das kann nicht mehr geändert werden",
    "This feedback can't be changed any more": "Diese Rückmeldung kann nicht mehr geändert werden",
    "This id is taken": "Diese Kennung ist vergeben",
    "This idempotency key was used with another request": "Dieser Idempotenzschlüssel gehörte zu einer anderen Anfrage",
    "This is no longer available": "Das ist nicht mehr verfügbar",
    "This party can't be booked together": "Diese Gruppe kann so nicht zusammen gebucht werden",
    "This path does not offer that method": "Dieser Pfad bietet diese Methode nicht",
    "This prompt has been answered": "Diese Frage wurde schon beantwortet",
    "This sync position is too old": "Dieser Stand der Synchronisierung ist zu alt",
    "Too many places are kept without being paid": "Zu viele Plätze sind belegt, ohne bezahlt zu sein",
    "This person has bookings that aren't over": "Diese Person hat Buchungen, die noch nicht vorbei sind",
    "Too many requests": "Zu viele Anfragen",
}

SENTENCES: Final = {
    # the form of a request
    "A string contains the character NUL, which no text here may.": "Ein Text enthält das Zeichen NUL, das hier nicht vorkommen darf.",
    "A value is outside of what can be stored.": "Ein Wert liegt außerhalb dessen, was gespeichert werden kann.",
    "Name the mail address to be proven.": "Nennen Sie die Mailadresse, die bestätigt werden soll.",
    "At most 1 character is allowed.": "Höchstens 1 Zeichen ist erlaubt.",
    "At most 1 entry is allowed.": "Höchstens 1 Eintrag ist erlaubt.",
    "At most {} characters are allowed.": "Höchstens {} Zeichen sind erlaubt.",
    "At most {} characters are allowed; these are {}.": "Höchstens {} Zeichen sind erlaubt; das sind {}.",
    "At most {} entries are allowed.": "Höchstens {} Einträge sind erlaubt.",
    "Give a UUID, such as 019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15.": "Geben Sie eine UUID an, etwa 019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15.",
    "Give a date as year, month and day, such as 2026-06-01.": "Geben Sie ein Datum als Jahr, Monat und Tag an, etwa 2026-06-01.",
    "Give a number above {}.": "Geben Sie eine Zahl über {} an.",
    "Give a number below {}.": "Geben Sie eine Zahl unter {} an.",
    "Give a number of at most {}.": "Geben Sie eine Zahl bis höchstens {} an.",
    "Give a number of {} or more.": "Geben Sie eine Zahl ab {} an.",
    "Give a time with its offset, such as 2026-06-01T09:00:00Z.": "Geben Sie eine Zeit mit ihrem Abstand zu UTC an, etwa 2026-06-01T09:00:00Z.",
    "Give a time without an offset, such as 2026-06-01T09:00:00.": "Geben Sie eine Zeit ohne Abstand zu UTC an, etwa 2026-06-01T09:00:00.",
    "Give at least {} characters.": "Geben Sie mindestens {} Zeichen an.",
    "Give at least {} entries.": "Geben Sie mindestens {} Einträge an.",
    "Give one of these: {}.": "Geben Sie eines davon an: {}.",
    "Give {} here.": "Geben Sie hier {} an.",
    "Send application/json, not {}.": "Senden Sie application/json, nicht {}.",
    "A text ends within a character, such as half an emoji.": "Ein Text endet mitten in einem Zeichen, etwa einem halben Emoji.",
    "The JSON ends too early.": "Das JSON endet zu früh.",
    "The JSON is nested too deeply.": "Das JSON ist zu tief verschachtelt.",
    "A number is out of range.": "Eine Zahl ist zu groß oder zu klein.",
    "The body is not valid UTF-8.": "Der Inhalt ist kein gültiges UTF-8.",
    "The parameter can't be null; leave it out.": "Der Parameter kann nicht null sein; lassen Sie ihn weg.",
    "The parameter is given twice.": "Der Parameter ist zweimal angegeben.",
    "The value is not text without NUL in valid UTF-8.": "Der Wert ist kein Text ohne NUL in gültigem UTF-8.",
    "There is no such field here.": "Ein solches Feld gibt es hier nicht.",
    "This doesn't have the form that is expected here, such as {}.": "Das hat nicht die Form, die hier erwartet wird, etwa {}.",
    "This doesn't have the form that is expected here.": "Das hat nicht die Form, die hier erwartet wird.",
    "This has no character that can be seen.": "Das enthält kein sichtbares Zeichen.",
    "This is none of the values that are known here.": "Das ist keiner der Werte, die hier bekannt sind.",
    "This is not JSON.": "Das ist kein JSON.",
    "This is not JSON: see the byte at position {}.": "Das ist kein JSON: siehe das Byte an Stelle {}.",
    "This must be given.": "Das muss angegeben werden.",
    "This must not be empty.": "Das darf nicht leer sein.",
    "This number is out of range.": "Diese Zahl ist zu groß oder zu klein.",
    "This time is out of range.": "Diese Zeit liegt außerhalb des Möglichen.",
    "This value doesn't fit here.": "Dieser Wert passt hier nicht.",
    # addresses and numbers
    "A mail address has a name, an @ and a domain, such as ada@example.org.": "Eine E-Mail-Adresse hat einen Namen, ein @ und eine Domain, etwa ada@example.org.",
    "A mail address has no blanks and one @; give one address alone.": "Eine E-Mail-Adresse hat keine Leerzeichen und nur ein @; geben Sie eine einzige Adresse an.",
    "A phone number has digits, and a + before the code of the country; it can't have an extension.": "Eine Telefonnummer hat Ziffern und vor der Landesvorwahl ein +; eine Durchwahl kann sie nicht haben.",
    "Give the phone number with the code of its country, such as +49 30 1234567.": "Geben Sie die Telefonnummer mit Landesvorwahl an, etwa +49 30 1234567.",
    "The mail address is too long.": "Die E-Mail-Adresse ist zu lang.",
    "The part before the @ has characters or dots where a mail address can't have them.": "Der Teil vor dem @ hat Zeichen oder Punkte, wo eine E-Mail-Adresse sie nicht haben kann.",
    "The part before the @ is too long.": "Der Teil vor dem @ ist zu lang.",
    "There is no phone number with these digits.": "Eine Telefonnummer mit diesen Ziffern gibt es nicht.",
    "What stands after the @ is not a whole domain, such as example.org.": "Was nach dem @ steht, ist keine ganze Domain wie example.org.",
    "What stands after the @ is not the name of a domain.": "Was nach dem @ steht, ist kein Name einer Domain.",
    # requests as a whole
    "An idempotency key has 16 to 255 visible ASCII characters.": "Ein Idempotenzschlüssel hat 16 bis 255 sichtbare ASCII-Zeichen.",
    "The change contradicts something that is already there.": "Die Änderung widerspricht etwas, das schon da ist.",
    "The session that this request opened has ended.": "Die Sitzung, die diese Anfrage eröffnet hatte, ist beendet.",
    "There is nothing at this path.": "Unter diesem Pfad gibt es nichts.",
    "This is not a cursor of this list.": "Das ist keine Stelle dieser Liste.",
    "This is not a list of ETags.": "Das ist keine Liste von ETags.",
    "Too many event streams are open.": "Es sind zu viele Ereignisströme offen.",
    "This took too long, and nothing was changed.": "Das hat zu lange gedauert, und nichts wurde geändert.",
    "Too many requests wait already.": "Es warten schon zu viele Anfragen.",
    "Under a publishable key, which all phones share, an idempotency key must be a random UUID.": "Unter einem öffentlichen Schlüssel, den alle Telefone teilen, muss ein Idempotenzschlüssel eine zufällige UUID sein.",
    "The client went away before all of its request had come.": "Die Verbindung endete, bevor die Anfrage ganz da war.",
    # bookings
    "A booking that is {} can't be changed.": "Eine Buchung, die {} ist, kann nicht geändert werden.",
    "A booking that is {} has nothing to be paid.": "Für eine Buchung, die {} ist, ist nichts zu zahlen.",
    "A confirmed booking keeps a contact.": "Eine bestätigte Buchung behält einen Kontakt.",
    "A confirmed booking keeps its seats. Choose another one.": "Eine bestätigte Buchung behält ihre Sitze. Wählen Sie einen anderen.",
    "A confirmed booking needs this.": "Eine bestätigte Buchung braucht das.",
    "A count can't be negative.": "Eine Anzahl kann nicht negativ sein.",
    "A party has at least one member.": "Eine Gruppe hat mindestens ein Mitglied.",
    "A party has at most {} members.": "Eine Gruppe hat höchstens {} Mitglieder.",
    "An order that is {} can't be confirmed.": "Ein Auftrag, der {} ist, kann nicht bestätigt werden.",
    "An order that is {} can't be extended.": "Ein Auftrag, der {} ist, kann nicht verlängert werden.",
    "An order that is {} can't {}.": "Mit einem Auftrag, der {} ist, geht das nicht ({}).",
    "At least {} of the unit {} must be booked.": "Mindestens {} der Kategorie {} müssen gebucht werden.",
    "At most {} of the unit {} can be booked together.": "Höchstens {} der Kategorie {} können zusammen gebucht werden.",
    "At most {} {} (minor units) are due.": "Höchstens {} {} (in der kleinsten Einheit) sind offen.",
    "Each of the unit {} needs one {} with it.": "Zu jedem der Kategorie {} gehört ein {}.",
    "Every {} of the unit {} need one {} with them.": "Zu je {} der Kategorie {} gehört ein {}.",
    "Give either `unit_id` or `unit`.": "Geben Sie entweder `unit_id` oder `unit` an.",
    "Nothing is due on site.": "Vor Ort ist nichts offen.",
    "One seat is wished twice.": "Ein Sitz ist zweimal gewünscht.",
    "An order of several bookings needs `expected_slots`.": "Ein Auftrag aus mehreren Buchungen braucht `expected_slots`.",
    "No booking of the order is on this slot.": "Keine Buchung des Auftrags gehört zu diesem Termin.",
    "There was no room any more; the payment is given back.": "Es war kein Platz mehr frei; die Zahlung geht zurück.",
    "This isn't possible with an order that is {}.": "Das geht nicht mit einem Auftrag, der {} ist.",
    "Others pay for this order at the same time.": "Für diesen Auftrag wird gerade auch von anderer Seite bezahlt.",
    "Taken: {}.": "Vergeben: {}.",
    "The answer must be a date like 2026-11-21.": "Die Antwort muss ein Datum wie 2026-11-21 sein.",
    "The answer must be a number.": "Die Antwort muss eine Zahl sein.",
    "The answer must be a string.": "Die Antwort muss ein Text sein.",
    "The answer must be one of {}.": "Die Antwort muss eine von diesen sein: {}.",
    "The answer must be true or false.": "Die Antwort muss wahr oder falsch sein.",
    "The booking has no such active item, or it is named twice.": "Die Buchung hat keinen solchen gültigen Platz, oder er ist zweimal genannt.",
    "The bookings of one order must be in one currency.": "Die Buchungen eines Auftrags müssen in einer Währung sein.",
    "The product asks no question {} per {}.": "Das Angebot stellt keine Frage {} je {}.",
    "The product has no such option.": "Das Angebot hat keine solche Variante.",
    "The product has no such unit.": "Das Angebot hat keine solche Kategorie.",
    "The refund is not the one you expected.": "Die Erstattung ist nicht die erwartete.",
    "The slot has begun.": "Der Termin hat begonnen.",
    "The slot is not on sale.": "Der Termin ist nicht im Verkauf.",
    "The slot's product has no such option.": "Das Angebot dieses Termins hat keine solche Variante.",
    "The unit {} is not sold under the option {} on {}.": "Die Kategorie {} wird unter der Variante {} am {} nicht verkauft.",
    "The unit {} takes no seat.": "Die Kategorie {} hat keinen Sitz.",
    "There are not {} places left.": "Es sind keine {} Plätze mehr frei.",
    "There is no place left.": "Es ist kein Platz mehr frei.",
    "What was answered here has been erased.": "Was hier geantwortet wurde, ist gelöscht.",
    "There is no seat {}.": "Einen Sitz {} gibt es nicht.",
    "There is no such slot.": "Einen solchen Termin gibt es nicht.",
    "There is no unit {} in this product.": "Eine Kategorie {} gibt es in diesem Angebot nicht.",
    "This can't be paid on site.": "Das kann nicht vor Ort bezahlt werden.",
    "This item takes no seat.": "Dieser Platz hat keinen Sitz.",
    "This slot has no seats to choose.": "Bei diesem Termin sind keine Sitze zu wählen.",
    "Somebody was admitted already. Say why it is cancelled all the same.": "Es wurde schon jemand eingelassen. Sagen Sie, warum trotzdem storniert wird.",
    "Somebody was admitted already. Say why it is changed all the same.": "Es wurde schon jemand eingelassen. Sagen Sie, warum trotzdem geändert wird.",
    "You have too many event streams open.": "Sie haben zu viele Ereignisströme offen.",
    # catalogue and availability
    "A delay is at most 24 hours. Move the slot, so that its customers can choose, or cancel it.": "Eine Verspätung beträgt höchstens 24 Stunden. Verlegen Sie den Termin, damit seine Kunden wählen können, oder sagen Sie ihn ab.",
    "It ends at or after its estimated start, and at most 24 hours later than scheduled.": "Er endet frühestens mit seinem erwarteten Beginn und höchstens 24 Stunden später als geplant.",
    "The gate has closed.": "Der Einlass ist beendet.",
    "The product is not on sale any more.": "Das Angebot ist nicht mehr im Verkauf.",
    "The sales of this option have ended.": "Der Verkauf dieser Variante ist beendet.",
    "The slot doesn't take place; there is nothing to keep.": "Der Termin findet nicht statt; es gibt nichts zu behalten.",
    "The slot was cancelled.": "Der Termin wurde abgesagt.",
    "The slot was closed to new bookings.": "Der Termin wurde für neue Buchungen geschlossen.",
    "There is nothing to decide about the slot.": "Über den Termin ist nichts zu entscheiden.",
    "Whoever comes as scheduled must find it: a delay begins no earlier. Move the slot instead.": "Wer wie geplant kommt, muss ihn antreffen: Eine Verspätung beginnt nicht früher. Verlegen Sie den Termin stattdessen.",
    "It has begun.": "Es hat begonnen.",
    "It has departed.": "Die Abfahrt war schon.",
    "A payment is under way.": "Eine Zahlung ist unterwegs.",
    "The hold has ended; there is nothing to cancel.": "Die Reservierung ist abgelaufen; es gibt nichts zu stornieren.",
    "The order was rejected; there is nothing to cancel.": "Der Auftrag wurde abgelehnt; es gibt nichts zu stornieren.",
    "A cancelled slot has no delay.": "Ein abgesagter Termin hat keine Verspätung.",
    "A slot can't be moved into the past.": "Ein Termin kann nicht in die Vergangenheit verlegt werden.",
    "A slot ends at or after its start, and within 366 days.": "Ein Termin endet frühestens mit seinem Beginn und innerhalb von 366 Tagen.",
    "An agent may change the delay of a slot and nothing else.": "Am Schalter lässt sich nur die Verspätung eines Termins ändern.",
    "{} places are taken, more than that.": "{} Plätze sind vergeben, mehr als das.",
    "A range has at most {} days.": "Ein Zeitraum hat höchstens {} Tage.",
    "Give either a product_id or an origin and a destination.": "Geben Sie entweder eine product_id oder Start und Ziel an.",
    "The unit {} is named twice.": "Die Kategorie {} ist zweimal genannt.",
    "There is no place with the id or code {}.": "Einen Ort mit der Kennung oder dem Kürzel {} gibt es nicht.",
    "There is no such product.": "Ein solches Angebot gibt es nicht.",
    "There is no such seat layout.": "Einen solchen Sitzplan gibt es nicht.",
    "{} is before {}, where the range begins.": "{} liegt vor {}, wo der Zeitraum beginnt.",
    # the gate
    "An override needs the role of a manager or the scope `scan:override`.": "Ein Einlass auf Anweisung braucht die Rolle einer Leitung oder das Recht `scan:override`.",
    "Look up either by `reference` or by `name` and `slot_id`.": "Suchen Sie entweder nach `reference` oder nach `name` und `slot_id`.",
    "Only staff may admit somebody without a pass.": "Nur Mitarbeitende dürfen jemanden ohne Pass einlassen.",
    "Send either `code` or `item_id`.": "Senden Sie entweder `code` oder `item_id`.",
    "The year must be between 1970 and 2100.": "Das Jahr muss zwischen 1970 und 2100 liegen.",
    "The year must be between {} and {}.": "Das Jahr muss zwischen {} und {} liegen.",
    "This nonce was used for another scan.": "Diese Nonce gehörte zu einem anderen Scan.",
    "This scan is so old that it is only kept on record.": "Dieser Scan ist so alt, dass er nur noch aufbewahrt wird.",
    "You may undo your own scans within ten minutes; for others ask a manager.": "Eigene Scans lassen sich zehn Minuten lang zurücknehmen; bei anderen hilft die Leitung.",
    # feedback
    "A score of kind {} is from {} to {}.": "Eine Wertung der Art {} reicht von {} bis {}.",
    "A summary is over at most {} days.": "Eine Übersicht umfasst höchstens {} Tage.",
    "An organisation may have {} prompts.": "Eine Organisation darf {} Fragen haben.",
    "Feedback of kind text has no score.": "Eine Rückmeldung der Art text hat keine Wertung.",
    "Feedback of kind text needs a text.": "Eine Rückmeldung der Art text braucht einen Text.",
    "Feedback of kind {} needs a score from {} to {}.": "Eine Rückmeldung der Art {} braucht eine Wertung von {} bis {}.",
    "The booking is of another product.": "Die Buchung gehört zu einem anderen Angebot.",
    "The day is outside of the calendar.": "Der Tag liegt außerhalb des Kalenders.",
    "The prompt asked about another booking.": "Die Frage galt einer anderen Buchung.",
    "The prompt asked about {}.": "Die Frage galt etwas anderem: {}.",
    "There is no such booking of yours.": "Eine solche Buchung von Ihnen gibt es nicht.",
    "You were asked no such prompt.": "Diese Frage wurde Ihnen nicht gestellt.",
    "`to` is before `from`.": "`to` liegt vor `from`.",
    # identity
    "A key can't grant scopes that it doesn't have: {}.": "Ein Schlüssel kann keine Rechte geben, die er nicht hat: {}.",
    "A key has no session.": "Ein Schlüssel hat keine Sitzung.",
    "A publishable key has no scopes.": "Ein öffentlicher Schlüssel hat keine Rechte.",
    "A refresh token came again long after its successor was used: the session has been ended.": "Ein Refresh-Token kam noch einmal, lange nachdem sein Nachfolger benutzt wurde: die Sitzung ist beendet.",
    "A secret key needs at least one scope.": "Ein geheimer Schlüssel braucht mindestens ein Recht.",
    "Give either `email` or `phone`.": "Geben Sie entweder `email` oder `phone` an.",
    "Only an owner sees the sessions of others.": "Nur Inhaber sehen die Sitzungen anderer.",
    "Only the grant 'code' can end others.": "Nur mit der Art 'code' lassen sich andere beenden.",
    "Send `Authorization: Bearer …`.": "Senden Sie `Authorization: Bearer …`.",
    "The code is unknown, used or expired.": "Der Code ist unbekannt, verbraucht oder abgelaufen.",
    "The grant {} needs `{}` and no `{}`.": "Die Art {} braucht `{}` und kein `{}`.",
    "The key has been revoked.": "Der Schlüssel wurde widerrufen.",
    "The key is not one of this server.": "Der Schlüssel ist keiner dieses Servers.",
    "The refresh token has expired.": "Das Refresh-Token ist abgelaufen.",
    "The session has ended.": "Die Sitzung ist beendet.",
    "The token is not one of this organisation.": "Das Token ist keines dieser Organisation.",
    "The token is not one of this server.": "Das Token ist keines dieses Servers.",
    "The token's successor has been used; go on with that one.": "Der Nachfolger dieses Tokens wurde benutzt; machen Sie mit ihm weiter.",
    "This is not a{} token.": "Das ist kein passendes Token (erwartet:{}).",
    "This member of staff no longer has access.": "Diese Person arbeitet hier nicht mehr.",
    "This member of staff no longer has access; add them anew.": "Diese Person arbeitet hier nicht mehr; fügen Sie sie neu hinzu.",
    "{} is not a language tag (BCP 47) of a known language and region, such as en or de-AT.": "{} ist kein Sprachkürzel (BCP 47) einer bekannten Sprache und Region, etwa en oder de-AT.",
    "{} is not an IANA time zone, such as Europe/Berlin.": "{} ist keine Zeitzone der IANA, etwa Europe/Berlin.",
    "{} is not an ISO 3166 country code, such as DE.": "{} ist kein Länderkürzel nach ISO 3166, etwa DE.",
    "{} is not an ISO 4217 currency code of money that one sells in, such as EUR.": "{} ist kein Währungskürzel nach ISO 4217, in dem man verkauft, etwa EUR.",
    "Give exactly one of `customer_id`, `email` and `phone`.": "Geben Sie genau eines von `customer_id`, `email` und `phone` an.",
    "Nobody is known by this address.": "Unter dieser Adresse ist niemand bekannt.",
    "Nobody is known by this id.": "Unter dieser Kennung ist niemand bekannt.",
    "Only an owner makes, promotes, demotes or removes an owner.": "Nur Inhaber machen jemanden zum Inhaber oder nehmen es zurück.",
    "This takes scopes that the caller doesn't have: {}.": "Dazu gehören Rechte, die der Aufrufende nicht hat: {}.",
    # payments, passes, pages
    "A refund that is {} can't be tried again.": "Eine Erstattung, die {} ist, kann nicht noch einmal versucht werden.",
    "No problem of this server has this code.": "Kein Problem dieses Servers hat diesen Code.",
    "Nothing was paid that could go back.": "Es wurde nichts bezahlt, das zurückgehen könnte.",
    "The database does not answer in time.": "Die Datenbank antwortet nicht rechtzeitig.",
    "The database's schema is older than this program; run `booking-api migrate`.": "Das Schema der Datenbank ist älter als dieses Programm; `booking-api migrate` bringt es auf Stand.",
    "The headers {}, {} and {} are needed.": "Die Kopfzeilen {}, {} und {} sind nötig.",
    "The method {} is not offered for paying now.": "Die Zahlungsart {} wird für die Zahlung jetzt nicht angeboten.",
    "The provider doesn't say for sure that the refund failed.": "Der Anbieter sagt nicht sicher, dass die Erstattung fehlschlug.",
    "The provider is giving the money back.": "Der Anbieter gibt das Geld gerade zurück.",
    "The provider that took the money is not offered any more. Settle the refund on site.": "Der Anbieter, der das Geld nahm, wird nicht mehr angeboten. Erstatten Sie vor Ort.",
    "The refund is {}: the money is back already.": "Die Erstattung ist {}: das Geld ist schon zurück.",
    "The signature doesn't fit the body.": "Die Unterschrift passt nicht zum Inhalt.",
    "The signature of this URL is not valid.": "Die Unterschrift dieser URL ist nicht gültig.",
    "The webhook is too old, or the clocks differ.": "Der Webhook ist zu alt, oder die Uhren gehen verschieden.",
    "There is no such payment provider.": "Einen solchen Zahlungsanbieter gibt es nicht.",
    "There is no such payment.": "Eine solche Zahlung gibt es nicht.",
    "There is no such refund.": "Eine solche Erstattung gibt es nicht.",
    "This is neither an https URL nor a link into an app.": "Das ist weder eine https-URL noch ein Link in eine App.",
    "This method needs the token that the provider's form returned.": "Diese Zahlungsart braucht das Token, das das Formular des Anbieters zurückgab.",
}  # fmt: skip

WORDS: Final = {
    "on_hold": "reserviert", "pending": "in Zahlung", "confirmed": "bestätigt", "cancelled": "storniert",
    "expired": "abgelaufen", "rejected": "abgelehnt", "succeeded": "gelungen", "failed": "fehlgeschlagen",
    "created": "angelegt", "processing": "in Arbeit", "booking": "Buchung", "item": "Platz", "a text": "einen Text",
    "a whole number": "eine ganze Zahl", "a number": "eine Zahl", "true or false": "wahr oder falsch", "a list": "eine Liste",
    "an object": "ein Objekt", "null": "null", "a UUID": "eine UUID", "a time with its offset": "eine Zeit mit ihrem Abstand zu UTC",
    "a date": "ein Datum",
}  # fmt: skip
"""What stands in a sentence's places and is a word rather than a value."""

_KIND = re.compile(
    "|".join(sorted((re.escape(word) for word in WORDS if " " in word or word == "null"), key=len, reverse=True))
)
_KINDS = re.compile(f"(?:{_KIND.pattern})(?: or (?:{_KIND.pattern}))*")
_PLACE = re.compile(r"\{\d*\}")


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The sentences with places, those with most words of their own first."""
    placed = sorted((english for english in SENTENCES if "{}" in english), key=lambda english: -len(english))
    return [
        (re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL), SENTENCES[english])
        for english in placed
    ]


def translate(sentence: str, language: str) -> str:
    """A sentence of ours in one of our languages; what isn't known stays as it is."""
    if language != "de":
        return sentence
    return _german(sentence) if len(sentence) <= 1_000 else sentence


@functools.lru_cache(512)
def _german(sentence: str) -> str:
    if (known := TITLES.get(sentence) or SENTENCES.get(sentence)) is not None:
        return known
    for pattern, german in _patterns():
        if found := pattern.fullmatch(sentence):
            values = [_word(value) for value in found.groups()]
            parts = _PLACE.split(german)
            return parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
    return sentence


def _word(value: str) -> str:
    """A value, or words joined by `or`, as they stand in a German sentence."""
    if value in WORDS:
        return WORDS[value]
    if not _KINDS.fullmatch(value):
        return value
    return _KIND.sub(lambda found: WORDS[found[0]], value).replace(" or ", " oder ")
