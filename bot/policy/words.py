"""The words that mean "no more messages" in the languages of the customers, always honoured besides the owner's own; and those that
take it back.

Only words that mean it when they stand alone. Words that a shopper also uses for an order or as an answer ("cancel", "no",
"wait") are left to the owner's own list in `flows/store.yaml`.
"""

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": (
            *("stop", "stop it", "stop this", "stop all", "stopall", "quit", "end", "revoke"),
            *("unsubscribe", "unsubscribe me", "unsub", "opt out", "optout", "opt me out", "remove me"),
            *("stop messages", "stop messaging", "stop messaging me", "stop texting me", "stop sending me messages"),
            *("stop promotions", "no more messages", "do not message me", "don't message me", "do not contact me"),
            *("don't contact me", "leave me alone"),
        ),
        "es": (
            *("baja", "darme de baja", "dar de baja", "dame de baja", "quiero darme de baja", "parar", "para ya", "basta"),
            *("detener", "desuscribir", "desuscribirme", "cancelar suscripción", "no más mensajes", "no quiero más mensajes"),
            "no me escribas más",
        ),
        "pt": (
            *("sair", "parar", "pare", "descadastrar", "descadastre", "cancelar inscrição", "cancelar assinatura"),
            *("não quero mais mensagens", "não quero receber mais mensagens", "chega de mensagens"),
        ),
        "de": ("stopp", "abmelden", "abbestellen", "abmeldung", "austragen", "keine nachrichten mehr", "keine werbung mehr"),
        "fr": (
            *("arrêt", "arrêter", "arrêtez", "désabonner", "désabonnement", "se désabonner", "me désabonner"),
            *("désinscrire", "désinscription", "me désinscrire", "plus de messages"),
        ),
        "it": ("basta", "fermati", "disiscrivimi", "disiscrivermi", "disiscriviti", "cancellami", "annulla iscrizione", "basta messaggi"),
        "nl": ("afmelden", "uitschrijven", "stoppen", "meld me af", "geen berichten meer"),
        "tr": ("dur", "durdur", "ret", "abonelikten çık", "listeden çık", "listeden çıkar", "mesaj atma", "mesaj istemiyorum"),
        "ar": ("توقف", "توقفوا", "أوقف", "إيقاف", "قف", "إلغاء الاشتراك", "الغاء الاشتراك", "لا ترسل رسائل"),
        "hi": ("बंद", "बंद करो", "बंद करें", "बंद कीजिए", "स्टॉप", "रोकें", "सदस्यता रद्द करें", "band karo", "message mat bhejo"),
        "id": ("berhenti", "berhenti berlangganan", "henti", "jangan kirim pesan lagi"),
        "ru": ("стоп", "отписаться", "отписка", "отпишись", "отпишите", "отпишите меня", "не пишите мне", "хватит писать"),
        "pl": ("wypisz", "wypisz mnie", "wypisuję się", "rezygnuję", "nie pisz do mnie", "koniec wiadomości"),
        "uk": ("відписатися", "відписка", "відпишіть", "відпишіть мене", "не пишіть мені"),
        "ro": ("dezabonare", "dezabonează-mă", "mă dezabonez", "oprește"),
        "cs": ("odhlásit", "odhlásit se", "odhlaste mě", "nepište mi"),
        "sv": ("avregistrera", "avsluta", "sluta", "inga fler meddelanden"),
        "da": ("afmeld", "frameld", "afmeld mig"),
        "nb": ("avmeld", "meld meg av", "slutt"),
        "fi": ("lopeta", "peru tilaus", "ei enää viestejä"),
        "hu": ("leiratkozás", "leiratkozom", "állj"),
        "el": ("στοπ", "σταμάτα", "σταματήστε", "διαγραφή", "κατάργηση εγγραφής"),
        "he": ("עצור", "הסר", "הסרה", "הסירו אותי", "תפסיקו"),
        "fa": ("لغو اشتراک", "لغو عضویت"),
        "ur": ("بند کریں", "بند کرو"),
        "bn": ("বন্ধ করুন", "বন্ধ করো"),
        "vi": ("dừng", "dừng lại", "ngừng", "hủy đăng ký"),
        "th": ("หยุด", "ยกเลิกการสมัคร", "เลิกรับข่าวสาร"),
        "ja": ("ストップ", "停止", "配信停止", "配信解除", "登録解除"),
        "zh": ("退订", "退訂", "停止", "取消订阅", "取消訂閱", "不要再发", "不要再發"),
        "ko": ("수신거부", "수신 거부", "중지", "구독취소", "구독 취소"),
    }
)

AGAIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": ("start", "start again", "unstop", "resume", "subscribe", "resubscribe", "opt in", "opt me in", "start promotions"),
        "es": ("alta", "darme de alta", "dame de alta", "quiero darme de alta", "suscribir", "suscribirme", "reanudar"),
        "pt": ("reativar", "inscrever", "me inscrever", "quero receber", "quero receber mensagens", "quero ofertas"),
        "de": ("anmelden", "wieder anmelden", "abonnieren"),
        "fr": ("reprendre", "abonner", "m'abonner", "s'abonner", "réabonner"),
        "it": ("iscrivimi", "iscrivermi", "riprendi", "riattiva"),
        "nl": ("aanmelden", "hervatten", "schrijf me in"),
        "tr": ("başlat", "abone ol", "yeniden başlat"),
        "ar": ("اشتراك", "اشترك", "ابدأ", "استئناف"),
        "hi": ("शुरू", "शुरू करो", "शुरू करें", "चालू करें", "स्टार्ट", "shuru karo"),
        "id": ("mulai", "mulai lagi", "berlangganan", "langganan"),
        "ru": ("старт", "подписаться", "подпишите", "подпишите меня", "возобновить"),
        "pl": ("zapisz mnie", "zapisuję się", "wznów"),
        "uk": ("старт", "підписатися", "підпишіть мене"),
        "zh": ("订阅", "訂閱", "重新订阅", "重新訂閱", "恢复", "恢復"),
        "ja": ("スタート", "再開", "配信再開", "登録"),
        "ko": ("수신동의", "수신 동의", "구독", "다시 시작"),
        "he": ("התחל", "הצטרף", "הרשמה"),
        "vi": ("đăng ký", "đăng ký lại", "bắt đầu"),
        "th": ("เริ่ม", "สมัคร", "รับข่าวสาร"),
    }
)
"""Heard only from those who have said stop: from anybody else "start" is a word like others."""

COURTESY: tuple[str, ...] = (
    *("please", "pls", "plz", "thanks", "thank you", "thx", "por favor", "gracias", "obrigado", "obrigada", "bitte", "danke"),
    *("merci", "s'il vous plaît", "s'il te plaît", "svp", "stp", "per favore", "grazie", "alsjeblieft", "alstublieft", "bedankt"),
    *("lütfen", "teşekkürler", "من فضلك", "شكرا", "कृपया", "धन्यवाद", "tolong", "terima kasih", "пожалуйста", "спасибо"),
    *("proszę", "dziękuję", "tack", "tak", "takk", "kiitos"),
)
"""What people add to such a word and what changes nothing about it."""
