"""What the example tickets say."""

from collections.abc import Sequence
from dataclasses import dataclass

#: A line that begins with ">" is the customer's, with "<" the house's.
Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Letter:
    """A ticket's subject and its messages, the oldest first; `state` as in TicketState, `department` by its code."""

    subject: str
    department: str
    state: str
    lines: Lines
    priority: str = "NORMAL"
    #: A domain by its Unicode name, or a hosting service by its label; empty: about nothing of the kind.
    domain: str = ""
    service: str = ""


MINTA = (
    Letter(
        "Nem érkeznek meg a levelek a minta.hu címekre", "technical", "IN_PROGRESS",
        (">Ma reggel óta egyetlen külső levél sem érkezik meg az iroda@minta.hu címre. Kifelé tudunk küldeni.",
         "<Köszönjük a jelzést, a bejövő sort vizsgáljuk. Tudna küldeni egy visszapattanó üzenetet?",
         ">Igen: „450 4.7.1 Greylisting in action”. Három feladótól is ezt kaptuk."),
        priority="HIGH", domain="minta.hu",
    ),
    Letter(
        "SPF rekord a hírlevélküldőhöz", "domains", "ANSWERED",
        (">A hírlevélküldőnk azt kéri, hogy vegyük fel az include:spf.hirlevel.example értéket. Hogyan tegyük?",
         "<A meglévő TXT rekordot kell bővíteni, második SPF rekord nem lehet: „v=spf1 mx include:spf.hirlevel.example -all”."),
        domain="minta.hu",
    ),
    Letter(
        "Lejár a minta.hu, mi a teendő?", "domains", "ANSWERED",
        (">Kaptunk egy értesítést, hogy hamarosan lejár a domain. Az automatikus megújítás be van kapcsolva?",
         "<Igen, be van kapcsolva. A díjbekérőt elküldtük, az egyenlegből is rendezhető."),
        domain="minta.hu",
    ),
    Letter(
        "Felfüggesztett tesztoldal visszakapcsolása", "billing", "OPEN",
        (">A Webáruház teszt szolgáltatást szeretnénk újra használni. Elég, ha befizetjük a lejárt díjbekérőt?",),
        service="Webáruház teszt",
    ),
    Letter(
        "Lassú a webáruház esténként", "technical", "CUSTOMER_REPLY",
        (">Este hét és tíz között a kosár oldal 6-8 másodperc alatt tölt be.",
         "<A naplók szerint egy lekérdezés index nélkül fut a wp_options táblán. Bekapcsolhatjuk az objektum-gyorsítótárat?",
         ">Igen, kérjük. Ma este megnézzük, javult-e."),
        priority="HIGH", service="Webáruház",
    ),
    Letter(
        "Számla adatainak módosítása", "billing", "CLOSED",
        (">Új telephelyünk van, a következő számlán már a Minta utca 12. szerepeljen, kérem.",
         "<Átvezettük, a mai naptól minden új bizonylat ezzel a címmel készül. A korábbiak nem változnak.",
         ">Köszönöm a gyors segítséget!"),
    ),
    Letter(
        "Két számla ugyanarra a hónapra?", "billing", "CLOSED",
        (">Márciusban két bizonylatot kaptunk. Duplán számláztak?",
         "<Az egyik a díjbekérő, a másik a befizetés után kiállított végszámla: csak egyszer terheltük.",
         ">Értem, akkor rendben van."),
    ),
    Letter(
        "SSL tanúsítvány a minta-bolt.hu-ra", "technical", "CLOSED",
        (">A böngésző azt írja, hogy a tanúsítvány lejárt.",
         "<A megújítás a hiányzó CAA rekord miatt akadt el; felvettük, és kiállítottuk az újat."),
        domain="minta-bolt.hu",
    ),
    Letter(
        "Ékezetes domain a levélcímben", "domains", "CLOSED",
        (">Lehet-e levelet fogadni az info@árvíztűrő.hu címen?",
         "<Igen, a domain xn-- alakjával minden levelezőprogram működik. Az ékezetes alakot nem mindenki támogatja."),
        domain="árvíztűrő.hu",
    ),
    Letter(
        "FTP jelszó csere", "technical", "CLOSED",
        (">Kilépett egy kollégánk, hol tudjuk lecserélni a tárhely jelszavát?",
         "<A panelben, a Fiókok menüben. A belépési adatok a szolgáltatás oldalán találhatók."),
        service="Cég weboldala",
    ),
    Letter(
        "Backup restore for the web shop", "technical", "CLOSED",
        (">Our contractor deleted the uploads folder by mistake. Can you restore yesterday's copy?",
         "<Restored from the 02:00 backup to /restore/uploads. Please move the files you need.",
         ">Everything is back, thank you!"),
        priority="HIGH", service="Webáruház",
    ),
    Letter(
        "PHP version upgrade", "technical", "ON_HOLD",
        (">We would like to move the company site to PHP 8.4. Does anything need to be changed on your side?",
         "<The version can be switched in the panel. Two of your plugins are not compatible yet, we would wait for them.",
         ">Fine, let's come back to this next month."),
        service="Cég weboldala",
    ),
    Letter(
        "Névszerver-váltás menete", "domains", "CLOSED",
        (">Ha a minta-bolt.hu névszervereit átállítjuk, mennyi ideig lehet kiesés?",
         "<Ha a zóna mindkét helyen azonos, semennyi. Előtte érdemes a TTL-t 300-ra csökkenteni."),
        domain="minta-bolt.hu",
    ),
    Letter(
        "Átutalás nem jelent meg az egyenlegen", "billing", "CLOSED",
        (">Tegnap átutaltunk 200 000 forintot, de még nem látszik.",
         "<Ma délelőtt jóváírtuk, a közleményből hiányzott az ügyfélszám. Legközelebb kérjük a P-10001 feltüntetését."),
    ),
    Letter(
        "Nyereményjáték oldal lemondása", "billing", "ANSWERED",
        (">A kampány véget ért, a Nyereményjáték tárhelyet nem hosszabbítjuk meg.",
         "<Rögzítettük a lemondást, a fordulónapig még elérhető. A részben fizetett díjbekérőt egyeztetjük."),
        service="Nyereményjáték",
    ),
    Letter(
        "DKIM beállítása", "technical", "CLOSED",
        (">A nagy levelezők a spam mappába teszik a leveleinket. Van DKIM aláírás?",
         "<Most bekapcsoltuk, a default._domainkey rekord is a zónában van.",
         ">Azóta rendben megérkeznek."),
        domain="minta.hu",
    ),
    Letter(
        "Új munkatárs hozzáférése", "billing", "CLOSED",
        (">Könyvelőnknek csak a számlákhoz szeretnénk hozzáférést adni.",
         "<A Kapcsolattartók között az „accountant” szerep pontosan ezt adja."),
    ),
    Letter(
        "Régi honlap archiválása", "technical", "CLOSED",
        (">A Régi honlap statikus másolatát szeretnénk megőrizni.",
         "<Elkészítettük, a letöltési hivatkozás hét napig él."),
        service="Régi honlap",
    ),
    Letter(
        "Invoice language", "billing", "CLOSED",
        (">Our foreign partner asks for the invoices in English. Is that possible?",
         "<Yes: the language of new documents follows the account's setting. Existing ones stay as they were issued."),
    ),
    Letter(
        "Visszaigazolás adatkezelési kérésről", "technical", "CLOSED",
        (">Kérjük a tárolt személyes adatok másolatát.",
         "<A kivonatot a fiókhoz tartozó címre elküldtük."),
        priority="LOW",
    ),
)  # fmt: skip

MASIK = Letter(
    "Átregisztráció hozzánk", "domains", "OPEN",
    (">Van még egy domainünk egy másik szolgáltatónál. Hogyan hozhatjuk át?",
     "<Kérje el az átregisztrációs kódot a mostani szolgáltatójától, és indítsa el nálunk az átregisztrációt.",
     ">Kértem, pár nap múlva jelentkezem."),
)  # fmt: skip

#: Of the agency, about one of its domains each: {name}.
NAGY = (
    Letter(
        "{name}: A rekord módosítása", "domains", "CLOSED",
        (">Az ügyfél új szerverre költözött, a {name} mutasson a 198.51.100.24 címre.",
         "<A zóna az Önök névszerverein van, ott kell átírni. Segítünk, ha szükséges.",
         ">Igaz, köszönjük, megtaláltuk."),
    ),
    Letter(
        "{name} megújítása két évre", "domains", "ANSWERED",
        (">Kérjük a {name} domaint most két évre meghosszabbítani.",
         "<A díjbekérőt kiállítottuk, kiegyenlítés után azonnal megtörténik."),
    ),
    Letter(
        "{name}: zárolás feloldása", "domains", "CLOSED",
        (">Átregisztrálnánk a {name} domaint, de clientTransferProhibited állapotú.",
         "<A zárolást a domain oldalán a tulajdonos oldhatja fel."),
    ),
    Letter(
        "Gyűjtőszámla kérése: {name}", "billing", "CLOSED",
        (">Lehet a havi megújításokat, köztük a {name} díját, egyetlen bizonylaton kérni?",
         "<Igen, a következő hónaptól nyolc tételenként gyűjtjük őket."),
        priority="LOW",
    ),
    Letter(
        "{name}: not reachable from abroad", "technical", "CLOSED",
        (">Visitors from Austria report that {name} does not load.",
         "<One of your own name servers does not answer over IPv6; the other one is fine.",
         ">Fixed on our side, thanks."),
        priority="HIGH",
    ),
    Letter(
        "Hibás végszámla: {name}", "billing", "IN_PROGRESS",
        (">A {name} ügyfelünk kétszer szerepel a tételek között.",
         "<Ellenőrizzük, holnap délig visszajelzünk."),
    ),
    Letter(
        "{name}: tulajdonosváltás", "domains", "CUSTOMER_REPLY",
        (">A {name} új tulajdonoshoz kerül. Milyen papír kell hozzá?",
         "<Mindkét fél által aláírt átruházási nyilatkozat, a minta a tudástárban van.",
         ">Csatoltuk, kérjük az átvezetést."),
    ),
    Letter(
        "Fejlesztői szerver: kevés a tárhely ({name})", "technical", "CLOSED",
        (">A {name} tesztpéldánya betöltötte a lemezt.",
         "<A régi mentéseket töröltük, 12 GiB felszabadult."),
    ),
)  # fmt: skip
